//! A small blocking HTTP/1.1 client: one connection per request, and bytes as they are for those
//! requests that no decent client would send.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// Longer than any answer takes; so that a server that hangs fails the test and not the machine.
const PATIENCE: Duration = Duration::from_secs(20);
const JSON: &str = "application/json";
const RAW: &str = "application/octet-stream";

/// A client of one server.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    address: SocketAddr,
}

impl Client {
    /// A client of the server at this address.
    pub fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// The server's address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A connection, for those who write and read by hand.
    pub fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Sends a request; an error where the server is gone.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Response> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() || method != "GET" {
            request += &format!("Content-Length: {}\r\n", body.len());
        }
        request += "Connection: close\r\n\r\n";
        let mut stream = self.connect()?;
        stream.write_all(&[request.as_bytes(), body].concat())?;
        Response::read_of(&mut stream, method)
    }

    /// Sends a request.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        self.try_send(method, path, headers, body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Sends a request with a JSON body; an error where the server is gone.
    pub fn try_json(&self, method: &str, path: &str, body: &Value) -> io::Result<Response> {
        let body = body.to_string();
        self.try_send(method, path, &[("Content-Type", JSON)], body.as_bytes())
    }

    /// Sends a request with a JSON body.
    pub fn json(&self, method: &str, path: &str, body: &Value) -> Response {
        self.try_json(method, path, body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// `GET`, in whatever form the server likes best.
    pub fn get(&self, path: &str) -> Response {
        self.send("GET", path, &[], b"")
    }

    /// `GET` of the JSON form; it has to be there.
    pub fn get_json(&self, path: &str) -> Value {
        let response = self.send("GET", path, &[("Accept", JSON)], b"");
        response.expect(200).json()
    }

    /// `POST` of a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> Response {
        self.json("POST", path, body)
    }

    /// `DELETE`.
    pub fn delete(&self, path: &str) -> Response {
        self.send("DELETE", path, &[], b"")
    }

    /// A request whose body is a record's bytes.
    pub fn raw(&self, method: &str, path: &str, body: &[u8]) -> Response {
        self.send(method, path, &[("Content-Type", RAW)], body)
    }

    /// Makes a table of fields, each a name and a type.
    pub fn create_table(&self, table: &str, fields: &[(&str, &str)]) -> Value {
        let fields = fields
            .iter()
            .map(|(name, type_id)| json!({"name": name, "type": type_id}));
        let body = json!({"fields": fields.collect::<Vec<_>>()});
        let response = self.post(&format!("/tables/{table}"), &body);
        response.expect(201).json()
    }

    /// Adds a record and gives its id.
    pub fn create_record(&self, table: &str, fields: &Value) -> u64 {
        let response = self.post(&format!("/tables/{table}/records"), fields);
        let created = response.expect(201).json();
        created["id"].as_u64().expect("a new record has an id")
    }

    /// The record as JSON.
    pub fn record(&self, table: &str, id: u64) -> Value {
        self.get_json(&format!("/tables/{table}/records/{id}"))
    }

    /// The value of a metric without labels.
    pub fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics").expect(200).text();
        let line = text.lines().find(|line| {
            line.split_once(' ')
                .is_some_and(|(metric, _)| metric == name)
        });
        let value = line.and_then(|line| line.split_once(' ')?.1.parse().ok());
        value.unwrap_or_else(|| panic!("no metric {name} in:\n{text}"))
    }

    /// Sends bytes as they are, as much of them as the server takes, and reads its answer; none
    /// where it closes the connection without one.
    pub fn talk(&self, bytes: &[u8]) -> Option<Response> {
        let mut stream = self.connect().expect("the server listens");
        let mut sending = stream.try_clone().expect("a socket has two sides");
        thread::scope(|scope| {
            // An answer may come before everything is sent, and end the sending.
            scope.spawn(move || {
                let _cut_short = sending.write_all(bytes);
            });
            let answer = Response::read_of(&mut stream, "GET");
            let _closed_already = stream.shutdown(Shutdown::Both);
            match answer {
                Ok(answer) => Some(answer),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    panic!("neither an answer nor an end")
                }
                Err(_) => None,
            }
        })
    }
}

/// What the server answered.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl Response {
    /// Reads the answer to a request of this method, up to the end of its body.
    pub fn read_of(stream: &mut TcpStream, method: &str) -> io::Result<Self> {
        let mut bytes = Vec::new();
        let mut part = [0; 64 * 1024];
        loop {
            if let Some(end) = end_of_head(&bytes) {
                let head = Self::parse(&bytes[..end], "HEAD");
                let length = head.header("content-length").map(str::parse);
                let length = length.and_then(Result::ok).unwrap_or(0);
                let has_body = method != "HEAD" && head.status != 304 && head.status != 204;
                if !has_body || bytes.len() >= end + length {
                    return Ok(Self::parse(&bytes, method));
                }
            }
            match stream.read(&mut part)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => bytes.extend_from_slice(&part[..count]),
            }
        }
    }

    fn parse(bytes: &[u8], method: &str) -> Self {
        let end = end_of_head(bytes).expect("an answer has a head");
        let head = std::str::from_utf8(&bytes[..end]).expect("a head is text");
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        let mut response = Self {
            status: status.expect("a status line").parse().expect("a number"),
            headers: headers.collect(),
            body: Vec::new(),
        };
        let length = response.header("content-length").map(str::parse::<usize>);
        if method != "HEAD"
            && let Some(Ok(length)) = length
        {
            let whole = bytes.get(end..end + length);
            response.body = whole.expect("the body has its length").to_vec();
        }
        response
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Itself, where it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// The problem, which must have this status and code, and all that RFC 9457 asks for.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> Value {
        let text = self.text();
        assert_eq!(self.status, status, "{text}");
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{text}"
        );
        let problem = self.json();
        assert_eq!(problem["code"], code, "{text}");
        assert_eq!(problem["status"], status, "{text}");
        assert_eq!(problem["type"], format!("urn:tickbase:problem:{code}"));
        assert!(problem["detail"].is_string(), "{text}");
        problem
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(end + 4)
}

/// Waits until something is so, which it has to be at some time.
#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what} did not come to be");
        thread::sleep(Duration::from_millis(2));
    }
}
