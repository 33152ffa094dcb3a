//! As much of HTTP/1.1 as the tests need, on a plain socket.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

/// How long any answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The status, such as 200.
    pub status: u16,
    /// Names, in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        found.next().map(|(_, value)| value.as_str())
    }
}

/// Opens a connection to `http://host:port`.
pub fn connect(url: &str) -> TcpStream {
    let connection = TcpStream::connect(host(url)).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    connection.set_write_timeout(Some(PATIENCE)).unwrap();
    connection
}

/// Asks for a path.
pub fn get(url: &str, path: &str) -> Answer {
    let mut connection = connect(url);
    let host = host(url);
    write!(
        connection,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    read(connection)
}

/// Sends a form.
pub fn post(url: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
    let mut connection = connect(url);
    let (head, body) = form(url, path, fields);
    connection
        .write_all(format!("{head}{body}").as_bytes())
        .unwrap();
    read(connection)
}

/// A form's request, its head and its body.
pub fn form(url: &str, path: &str, fields: &[(&str, &str)]) -> (String, String) {
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", percent(value)))
        .collect();
    let body = pairs.join("&");
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        host(url),
        body.len()
    );
    (head, body)
}

/// Reads an answer up to its end.
pub fn read(connection: TcpStream) -> Answer {
    let mut reader = BufReader::new(connection);
    let status_line = line(&mut reader);
    let status = status_line.split(' ').nth(1).map(str::parse);
    let Some(Ok(status)) = status else {
        panic!("not an answer: `{status_line}`");
    };
    let mut answer = Answer {
        status,
        headers: Vec::new(),
        body: String::new(),
    };
    loop {
        let header = line(&mut reader);
        let Some((name, value)) = header.split_once(':') else {
            break;
        };
        let name = name.to_ascii_lowercase();
        answer.headers.push((name, value.trim().to_owned()));
    }
    if answer.header("transfer-encoding") == Some("chunked") {
        loop {
            let size = u64::from_str_radix(&line(&mut reader), 16).unwrap();
            let chunk = &mut reader.by_ref().take(size);
            chunk.read_to_string(&mut answer.body).unwrap();
            line(&mut reader);
            if size == 0 {
                break;
            }
        }
    } else {
        let length = answer.header("content-length");
        let length = length.map_or(u64::MAX, |length| length.parse().unwrap());
        let body = &mut reader.take(length);
        body.read_to_string(&mut answer.body).unwrap();
    }
    answer
}

/// One line without its end.
fn line(reader: &mut impl BufRead) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    line.truncate(line.trim_end().len());
    line
}

/// The `host:port` of a URL.
fn host(url: &str) -> &str {
    let host = url.strip_prefix("http://").unwrap_or(url);
    host.trim_end_matches('/')
}

/// A form's value: everything but letters and digits becomes `%XX`.
fn percent(value: &str) -> String {
    value
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
