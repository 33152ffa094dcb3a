//! How fast secrets are taken out of a stream, and what memory that takes: `redaction SECRETS MEGABYTES`.

use std::{env, fs, sync::Arc, time::Instant};

use secrecy::SecretString;
use towpath_secrets::redact::{Patterns, Redactor};

fn main() {
    let mut numbers = env::args().skip(1).filter_map(|number| number.parse().ok());
    let (secrets, megabytes) = (numbers.next().unwrap_or(100), numbers.next().unwrap_or(50));
    let before = resident();
    let begun = Instant::now();
    let patterns = patterns(secrets);
    println!(
        "{secrets} secrets: made in {:?}, {} KiB more resident",
        begun.elapsed(),
        resident().saturating_sub(before)
    );
    let line =
        "2026-11-21T11:00:00Z INFO request{method=GET path=/api/v1/items?page=3} 200 in 12 ms\n";
    let chunk: String = line.repeat(700);
    let mut redactor = Redactor::new(patterns);
    let mut out = Vec::new();
    let mut length = 0;
    let begun = Instant::now();
    for _ in 0..megabytes * 1_000_000 / chunk.len() {
        redactor.push(chunk.as_bytes(), &mut out);
        length += out.len();
        out.clear();
    }
    println!("{length} bytes in {:?}", begun.elapsed());
}

fn patterns(count: usize) -> Arc<Patterns> {
    let mut state = 1_u64;
    let mut random = move || {
        // Marsaglia's xorshift: the same secrets each time.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let characters: Vec<char> = ('!'..='~').collect();
    let secrets: Vec<(String, SecretString)> = (0..count)
        .map(|number| {
            let value: String = (0..32)
                .map(|_| characters[usize::try_from(random() % 94).unwrap_or_default()])
                .collect();
            (format!("SECRET_{number}"), value.into())
        })
        .collect();
    let named = secrets.iter().map(|(name, value)| (name.as_str(), value));
    Arc::new(Patterns::new(named))
}

/// The memory that this process has resident, in KiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or_default()
}
