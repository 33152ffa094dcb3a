//! The forms of a secret: how programs spell a value when they print it.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use zeroize::Zeroizing;

use super::{LONGEST_IN_ALL_FORMS, LONGEST_IN_ANY_FORM, SHORTEST_LINE, SHORTEST_SECRET, escape};

/// One spelling of a secret; wiped when it is dropped.
pub(super) type Form = Zeroizing<Vec<u8>>;

/// The columns at which tools break the lines of base64: PEM (RFC 7468), and MIME (RFC 2045) with `base64` of coreutils.
const COLUMNS: [usize; 2] = [64, 76];

/// The forms of some secrets, each with the number of the first secret that has it.
#[derive(Default)]
pub(super) struct Forms(Vec<(Form, usize)>);

impl Forms {
    /// Adds the forms of a value, and of its lines where it has several.
    pub(super) fn add(&mut self, secret: usize, value: &str) {
        let plainly = value.len() > LONGEST_IN_ANY_FORM;
        self.keep(secret, plain(value));
        if !plainly {
            self.add_escaped(secret, value);
            self.add_encoded(secret, value.as_bytes());
        }
        if !value.contains(['\n', '\r']) {
            return;
        }
        let lines = value.split(['\n', '\r']).map(str::trim);
        for line in lines.filter(|line| line.len() >= SHORTEST_LINE && !is_frame(line)) {
            self.keep(secret, plain(line));
            if !plainly {
                self.add_escaped(secret, line);
            }
        }
    }

    /// Text that is escaped.
    fn add_escaped(&mut self, secret: usize, text: &str) {
        // Nothing escapes letters and digits, of which most secrets are: it would be the same text many times over.
        if text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return;
        }
        for form in escape::json(text) {
            self.keep(secret, form);
        }
        if text.len() <= LONGEST_IN_ALL_FORMS {
            let others = escape::debug(text).chain(escape::shell(text));
            for form in others.chain(escape::url(text)) {
                self.keep(secret, form);
            }
        }
    }

    /// Bytes that are encoded.
    fn add_encoded(&mut self, secret: usize, value: &[u8]) {
        if value.len() <= LONGEST_IN_ALL_FORMS {
            for digits in [b"0123456789abcdef", b"0123456789ABCDEF"] {
                self.keep(secret, hex(value, digits));
            }
        }
        for offset in 0..3 {
            for form in base64(value, offset) {
                self.keep(secret, form);
            }
        }
        let whole = Zeroizing::new(STANDARD.encode(value));
        for column in COLUMNS {
            for line in whole.as_bytes().chunks(column) {
                // The rest of a line that is all of the text was added above.
                if line.len() >= SHORTEST_LINE {
                    self.keep(secret, Zeroizing::new(line.to_vec()));
                }
            }
        }
    }

    fn keep(&mut self, secret: usize, form: Form) {
        if form.len() >= SHORTEST_SECRET {
            self.0.push((form, secret));
        }
    }

    /// Every form once.
    pub(super) fn finish(mut self) -> Vec<(Form, usize)> {
        self.0
            .sort_by(|(one, first), (other, second)| (&**one, first).cmp(&(&**other, second)));
        self.0.dedup_by(|(later, _), (first, _)| **later == **first);
        self.0
    }
}

/// What stands around a key in PEM; everybody's is the same.
fn is_frame(line: &str) -> bool {
    line.starts_with("-----BEGIN ") || line.starts_with("-----END ")
}

fn plain(value: &str) -> Form {
    Zeroizing::new(value.as_bytes().to_vec())
}

fn hex(value: &[u8], digits: &[u8; 16]) -> Form {
    let pairs = value.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let mut form = Zeroizing::new(Vec::with_capacity(value.len() * 2));
    form.extend(pairs.map(|half| digits[usize::from(half)]));
    form
}

/// How a value looks in base64 (RFC 4648) when it begins `offset` bytes into a group of three: the characters that
/// depend on nothing else, with and without the end that they have where the value ends the text.
fn base64(value: &[u8], offset: usize) -> impl Iterator<Item = Form> {
    let mut text = Zeroizing::new(vec![0; offset]);
    text.reserve_exact(value.len());
    text.extend_from_slice(value);
    // A character is six bits. The first ones have bits of what stands before.
    let first = (8 * offset).div_ceil(6);
    let inner = 8 * text.len() / 6;
    let unpadded = (8 * text.len()).div_ceil(6);
    [STANDARD, URL_SAFE].into_iter().flat_map(move |alphabet| {
        let whole = Zeroizing::new(alphabet.encode(text.as_slice()));
        [inner, unpadded, whole.len()]
            .map(|end| Zeroizing::new(whole.as_bytes()[first..end].to_vec()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Vec<String> {
        let mut forms = Forms::default();
        forms.add(0, value);
        let text = |(form, _): (Form, usize)| String::from_utf8(form.to_vec()).unwrap();
        forms.finish().into_iter().map(text).collect()
    }

    #[test]
    fn nothing_escapes_letters_and_digits() {
        let text = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let escaped = escape::json(text)
            .chain(escape::debug(text))
            .chain(escape::shell(text))
            .chain(escape::url(text));
        let mut count = 0;
        for form in escaped {
            assert_eq!(form.as_slice(), text.as_bytes());
            count += 1;
        }
        assert!(count > 5);
    }

    #[test]
    fn base64_is_found_wherever_the_value_stands() {
        let value = "pass\u{e9}w?rd>";
        let forms = of(value);
        for before in ["", "a", "ab", "abc", "user:"] {
            for after in ["", "x", "xy", "xyz"] {
                for alphabet in [STANDARD, URL_SAFE] {
                    let text = alphabet.encode(format!("{before}{value}{after}"));
                    let found = forms.iter().any(|form| text.contains(form.as_str()));
                    assert!(found, "{text} of {before}{value}{after}");
                }
            }
        }
    }

    #[test]
    fn base64_at_the_end_goes_with_its_padding() {
        let forms = of("correct horse");
        for before in ["", "a", "ab"] {
            let text = STANDARD.encode(format!("{before}correct horse"));
            assert!(
                forms
                    .iter()
                    .any(|form| text.ends_with(form) && form.len() + 3 >= text.len()),
                "{text}"
            );
        }
    }

    #[test]
    fn a_form_is_kept_once_and_for_the_first_secret() {
        let mut forms = Forms::default();
        forms.add(0, "abcd");
        let alone = Forms(forms.0.clone()).finish().len();
        forms.add(1, "abcd");
        let both = forms.finish();
        assert_eq!(both.len(), alone);
        assert!(both.iter().all(|(_, secret)| *secret == 0));
    }

    #[test]
    fn lines_count_on_their_own_but_for_the_frame_of_a_key() {
        let forms = of("-----BEGIN KEY-----\r\nMIIEvQIBADAN\n short\n-----END KEY-----\n");
        assert!(forms.contains(&"MIIEvQIBADAN".to_owned()));
        assert!(!forms.contains(&"short".to_owned()));
        assert!(!forms.contains(&"-----BEGIN KEY-----".to_owned()));
    }

    #[test]
    fn the_longer_a_value_the_fewer_its_forms() {
        let line = "0123456789'abcdef";
        let lines = |count| [line; 1000][..count].join("\n");
        let (long, longer) = (lines(100), lines(1000));
        assert!(of(&longer) == [line, &longer]);
        let forms = of(&long);
        let has = |form: &str| forms.iter().any(|other| other == form);
        assert!(has(&long) && has(&STANDARD.encode(&long)) && has(&long.replace('\n', "\\n")));
        assert!(!has(&long.replace('\'', "'\\''")) && has(&line.replace('\'', "'\\''")));
    }
}
