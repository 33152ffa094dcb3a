//! Chunked bodies (RFC 9112 §7.1): taken apart as they come in, and written.

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::told::Malformed;

/// How long the line before a chunk may be.
const MOST_LINE: usize = 4096;
/// How long the fields behind the last chunk may be.
const MOST_TRAILERS: usize = 16 * 1024;
/// How many there may be.
const MOST_FIELDS: usize = 64;

/// Where in a chunked body one is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Chunks {
    /// Before a chunk's size.
    #[default]
    Size,
    /// In a chunk, so far from its end.
    Data(u64),
    /// Behind a chunk's last byte.
    Gap,
    /// Behind the last chunk.
    Trailers,
    /// Behind everything.
    End,
}

/// What a chunked body consists of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Some of its bytes.
    Data(Bytes),
    /// The fields behind them.
    Trailers(HeaderMap),
}

impl Chunks {
    /// Takes the next piece from the start of `buffer`. None: more has to come, unless this is the end.
    pub(super) fn take(&mut self, buffer: &mut BytesMut) -> Result<Option<Piece>, Malformed> {
        loop {
            match self {
                Self::Size => match size(buffer)? {
                    Some((line, 0)) => {
                        buffer.advance(line);
                        *self = Self::Trailers;
                    }
                    Some((line, size)) => {
                        buffer.advance(line);
                        *self = Self::Data(size);
                    }
                    None => return Ok(None),
                },
                Self::Data(_) if buffer.is_empty() => return Ok(None),
                Self::Data(rest) => {
                    let there = buffer.len() as u64;
                    let data = if there < *rest {
                        *rest -= there;
                        buffer.split().freeze()
                    } else {
                        let end = usize::try_from(*rest).expect("it is in the buffer");
                        *self = Self::Gap;
                        buffer.split_to(end).freeze()
                    };
                    return Ok(Some(Piece::Data(data)));
                }
                Self::Gap => match buffer.get(..2) {
                    Some(b"\r\n") => {
                        buffer.advance(2);
                        *self = Self::Size;
                    }
                    Some(_) => return Err(Malformed("a chunk is longer than its size")),
                    None => return Ok(None),
                },
                Self::Trailers => match trailers(buffer)? {
                    Some(trailers) => {
                        *self = Self::End;
                        if !trailers.is_empty() {
                            return Ok(Some(Piece::Trailers(trailers)));
                        }
                    }
                    None => return Ok(None),
                },
                Self::End => return Ok(None),
            }
        }
    }
}

/// The length of the line at the start of `buffer`, and the size that it tells. Extensions are passed over.
fn size(buffer: &[u8]) -> Result<Option<(usize, u64)>, Malformed> {
    const BAD: Malformed = Malformed("the size of a chunk is malformed");
    let Some(end) = buffer
        .iter()
        .take(MOST_LINE)
        .position(|byte| *byte == b'\n')
    else {
        return match buffer.len() >= MOST_LINE {
            true => Err(BAD),
            false => Ok(None),
        };
    };
    let line = buffer[..end].strip_suffix(b"\r").ok_or(BAD)?;
    let count = line
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    let (digits, extension) = line.split_at(count);
    if count == 0 || count > 16 || extension.contains(&b'\r') {
        return Err(BAD);
    }
    if !matches!(extension.trim_ascii_start().first(), None | Some(b';')) {
        return Err(BAD);
    }
    let digits = std::str::from_utf8(digits).map_err(|_| BAD)?;
    let size = u64::from_str_radix(digits, 16).map_err(|_| BAD)?;
    Ok(Some((end + 1, size)))
}

fn trailers(buffer: &mut BytesMut) -> Result<Option<HeaderMap>, Malformed> {
    const BAD: Malformed = Malformed("a field behind the body is malformed");
    if buffer.starts_with(b"\r\n") {
        buffer.advance(2);
        return Ok(Some(HeaderMap::new()));
    }
    let mut space = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let parsed = httparse::parse_headers(buffer, &mut space).map_err(|_| BAD)?;
    let httparse::Status::Complete((length, fields)) = parsed else {
        return match buffer.len() > MOST_TRAILERS {
            true => Err(BAD),
            false => Ok(None),
        };
    };
    let mut trailers = HeaderMap::new();
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| BAD)?;
        let value = HeaderValue::from_bytes(field.value).map_err(|_| BAD)?;
        trailers.append(name, value);
    }
    buffer.advance(length);
    Ok(Some(trailers))
}

/// Writes the line before a chunk of so many bytes, of which there is at least one.
pub(super) fn open(size: usize, to: &mut Vec<u8>) {
    let mut digits = [0_u8; 16];
    let mut rest = size;
    let mut start = digits.len();
    while rest > 0 {
        start -= 1;
        digits[start] = b"0123456789abcdef"[rest % 16];
        rest /= 16;
    }
    to.extend_from_slice(&digits[start..]);
    to.extend_from_slice(b"\r\n");
}

/// Writes what comes behind a chunk.
pub(super) fn close(to: &mut Vec<u8>) {
    to.extend_from_slice(b"\r\n");
}

/// Writes the last chunk, with the fields that come behind it.
pub(super) fn end(trailers: &HeaderMap, to: &mut Vec<u8>) {
    to.extend_from_slice(b"0\r\n");
    for (name, value) in trailers {
        to.extend_from_slice(name.as_str().as_bytes());
        to.extend_from_slice(b": ");
        to.extend_from_slice(value.as_bytes());
        to.extend_from_slice(b"\r\n");
    }
    to.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes out when the bytes come in pieces of this size: the data, the trailers, and what is left over.
    fn taken(
        bytes: &[u8],
        pieces: usize,
    ) -> Result<(Vec<u8>, Option<HeaderMap>, usize), Malformed> {
        let mut chunks = Chunks::default();
        let mut buffer = BytesMut::new();
        let mut data = Vec::new();
        let mut trailers = None;
        for piece in bytes.chunks(pieces) {
            buffer.extend_from_slice(piece);
            while let Some(piece) = chunks.take(&mut buffer)? {
                match piece {
                    Piece::Data(bytes) => data.extend_from_slice(&bytes),
                    Piece::Trailers(map) => trailers = Some(map),
                }
            }
        }
        assert_eq!(chunks, Chunks::End, "for {bytes:?}");
        Ok((data, trailers, buffer.len()))
    }

    #[test]
    fn what_is_written_is_read_however_it_is_cut() {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", HeaderValue::from_static("42"));
        for trailers in [HeaderMap::new(), trailers] {
            let mut bytes = Vec::new();
            let mut expected = Vec::new();
            for size in [1, 9, 10, 15, 16, 17, 255, 256, 4096] {
                let data = vec![b'x'; size];
                open(size, &mut bytes);
                bytes.extend_from_slice(&data);
                close(&mut bytes);
                expected.extend_from_slice(&data);
            }
            end(&trailers, &mut bytes);
            for pieces in 1..64 {
                let (data, read, left) = taken(&bytes, pieces).unwrap();
                assert_eq!(data, expected);
                assert_eq!(read.unwrap_or_default(), trailers);
                assert_eq!(left, 0);
            }
        }
    }

    #[test]
    fn extensions_are_passed_over_and_the_next_message_is_left_alone() {
        let bytes = b"0005;a=\"b\"\r\nhello\r\nA ;c\r\n0123456789\r\n0\r\n\r\nHTTP/1.1";
        let (data, trailers, left) = taken(bytes, bytes.len()).unwrap();
        assert_eq!(data, b"hello0123456789");
        assert_eq!((trailers, left), (None, 8));
    }

    #[test]
    fn malformed_chunks_are_refused() {
        let long = [b'1', b';'].into_iter().chain([b'x'; MOST_LINE]);
        let long: Vec<u8> = long.collect();
        for bytes in [
            &b"\r\n\r\n"[..],
            b"x\r\n",
            b"-1\r\n",
            b"+1\r\na\r\n",
            b"0x1\r\na\r\n",
            b"1\na\r\n",
            b"1 2\r\na\r\n",
            b"1\r\nab\r\n",
            b"11111111111111111\r\n",
            b"1;a\rb\r\na\r\n",
            b"0\r\na b: c\r\n\r\n",
            &long,
        ] {
            let mut buffer = BytesMut::from(bytes);
            let mut chunks = Chunks::default();
            let error = loop {
                match chunks.take(&mut buffer) {
                    Ok(Some(_)) => {}
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
            };
            assert!(error.is_some(), "{:?}", String::from_utf8_lossy(bytes));
        }
    }
}
