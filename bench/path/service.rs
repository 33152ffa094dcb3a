//! The benchmark's service: answers every request with the release that it is, over HTTP/1.1 with keep-alive. Standard
//! library only, so that `rustc` alone builds it.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    thread,
};

fn main() {
    let port: u16 = env::var("PORT").expect("PORT is set").parse().expect("PORT is a number");
    let release = env::var("TOWPATH_RELEASE").unwrap_or_default();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{release}", release.len());
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
    for stream in listener.incoming().flatten() {
        let answer = answer.clone();
        thread::spawn(move || serve(stream, &answer));
    }
}

/// Answers requests without a body until the connection ends.
fn serve(stream: TcpStream, answer: &str) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            writer.write_all(answer.as_bytes()).ok()?;
        }
    }
}
