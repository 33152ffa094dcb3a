//! Being told to stop loses no request: that is what lets a new release take over unnoticed.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
};

use crate::{client, instance::Instance};

#[test]
fn a_request_in_flight_is_finished() {
    let mut instance = Instance::start("in-flight");
    let url = instance.url.clone();
    let mut connection = client::connect(&url);
    let fields = [("name", "The last one"), ("message", "just in time")];
    let (head, body) = client::form(&url, "/entries", &fields);
    let head = head.replacen("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n", 1);
    connection.write_all(head.as_bytes()).unwrap();
    // This is said when the handler asks for the body, so the request is in flight for certain.
    let mut go_on = [0; 25];
    connection.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    instance.terminate();
    instance.logged("stopping");
    connection.write_all(body.as_bytes()).unwrap();
    assert_eq!(client::read(connection).status, 303);
    assert!(instance.ended().success());
    let refused = TcpStream::connect(url.trim_start_matches("http://"));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn an_idle_connection_holds_nothing_up() {
    let mut instance = Instance::start("idle");
    let mut connection = client::connect(&instance.url);
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut answer = [0; 12];
    for _ in 0..2 {
        // The same connection serves more than one request.
        connection.write_all(request).unwrap();
        connection.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        let mut rest = String::new();
        while !rest.ends_with("\r\n\r\nok\n") {
            let mut byte = [0];
            connection.read_exact(&mut byte).unwrap();
            rest.push(char::from(byte[0]));
        }
    }
    instance.terminate();
    assert!(instance.ended().success());
    assert_eq!(connection.read(&mut answer).unwrap(), 0, "closed in order");
}
