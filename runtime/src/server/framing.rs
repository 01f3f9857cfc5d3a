//! Watches the bytes of a connection for requests that state their length in two ways.
//!
//! A request with both `Content-Length` and `Transfer-Encoding` is how one request is smuggled
//! past a proxy inside another (RFC 9112, section 11.2). hyper serves such a request and drops
//! one of the headers before anybody can see it, so it has to be found in the bytes themselves.
//!
//! Chunks are not followed: what comes behind a chunked body is not looked at, which is why the
//! listener closes the connection behind such a request.

/// Where in the sequence of requests a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// No byte of the next request has come.
    Between,
    /// Some of its line and headers have.
    Head,
    /// This many bytes of its body are missing.
    Body(u64),
    /// A chunked body, and whatever follows.
    Rest,
}

/// The framing of the requests seen so far.
#[derive(Debug)]
pub(super) struct Framing {
    phase: Phase,
    /// The start of the current line, without its end.
    line: Vec<u8>,
    has_transfer_encoding: bool,
    has_content_length: bool,
    content_length: u64,
    heads: u64,
    ambiguous: Option<u64>,
}

/// As much of a line as tells the two headers from others, with any length that fits 64 bits.
const LINE_KEPT: usize = 64;

impl Framing {
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Between,
            line: Vec::with_capacity(LINE_KEPT),
            has_transfer_encoding: false,
            has_content_length: false,
            content_length: 0,
            heads: 0,
            ambiguous: None,
        }
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// Which request, counted from 0, stated its length twice.
    pub(super) fn ambiguous(&self) -> Option<u64> {
        self.ambiguous
    }

    /// Takes the next bytes of the connection.
    pub(super) fn observe(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = match self.phase {
                Phase::Rest => return,
                Phase::Body(missing) => {
                    let here = bytes
                        .len()
                        .min(usize::try_from(missing).unwrap_or(usize::MAX));
                    self.phase = match missing - here as u64 {
                        0 => Phase::Between,
                        missing => Phase::Body(missing),
                    };
                    &bytes[here..]
                }
                Phase::Between | Phase::Head => self.observe_head(bytes),
            };
        }
    }

    /// Takes bytes up to the end of a line, and gives those behind it.
    fn observe_head<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let part = &bytes[..end.unwrap_or(bytes.len())];
        let kept = part.len().min(LINE_KEPT - self.line.len());
        self.line.extend_from_slice(&part[..kept]);
        let Some(end) = end else {
            self.phase = Phase::Head;
            return &[];
        };
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        if !self.line.is_empty() {
            self.phase = Phase::Head;
            self.observe_line();
        } else if self.phase == Phase::Head {
            self.end_head();
        }
        self.line.clear();
        &bytes[end + 1..]
    }

    fn observe_line(&mut self) {
        let Some(colon) = self.line.iter().position(|byte| *byte == b':') else {
            return;
        };
        let (name, value) = (&self.line[..colon], &self.line[colon + 1..]);
        if name.trim_ascii().eq_ignore_ascii_case(b"transfer-encoding") {
            self.has_transfer_encoding = true;
        } else if name.trim_ascii().eq_ignore_ascii_case(b"content-length") {
            self.has_content_length = true;
            // A length that is no number is refused by hyper, and the connection with it.
            let digits = str::from_utf8(value.trim_ascii()).unwrap_or_default();
            self.content_length = digits.parse().unwrap_or(0);
        }
    }

    fn end_head(&mut self) {
        if self.has_transfer_encoding && self.has_content_length {
            self.ambiguous.get_or_insert(self.heads);
        }
        self.phase = match self.content_length {
            _ if self.has_transfer_encoding => Phase::Rest,
            0 => Phase::Between,
            missing => Phase::Body(missing),
        };
        self.heads += 1;
        self.has_transfer_encoding = false;
        self.has_content_length = false;
        self.content_length = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ambiguous(bytes: &[u8], step: usize) -> Option<u64> {
        let mut framing = Framing::new();
        bytes.chunks(step).for_each(|part| framing.observe(part));
        framing.ambiguous()
    }

    #[test]
    fn a_request_with_two_lengths_is_found_however_its_bytes_arrive() {
        let first = "POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nab\r\n\r";
        let second = "GET /b HTTP/1.1\r\nHost: x\r\n\r\n";
        let third = "POST /c HTTP/1.1\r\ntransfer-ENCODING: chunked\r\nHost: x\r\n\
                     content-length: 0\r\n\r\n0\r\n\r\n";
        let all = format!("{first}{second}{third}");
        for step in [1, 2, 7, 1000] {
            assert_eq!(ambiguous(all.as_bytes(), step), Some(2), "{step}");
            assert_eq!(ambiguous(third.as_bytes(), step), Some(0), "{step}");
            assert_eq!(ambiguous(first.as_bytes(), step), None, "{step}");
        }
    }

    #[test]
    fn headers_that_only_look_alike_are_left_alone() {
        let request = "POST / HTTP/1.1\r\nX-Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\
                       X: Content-Length: 4\r\n\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(ambiguous(request.as_bytes(), 3), None);
    }

    #[test]
    fn the_phase_tells_half_a_request_from_none() {
        let mut framing = Framing::new();
        assert_eq!(framing.phase(), Phase::Between);
        framing.observe(b"\r\nGET / HT");
        assert_eq!(framing.phase(), Phase::Head);
        framing.observe(b"TP/1.1\r\nContent-Length: 3\r\n\r\na");
        assert_eq!(framing.phase(), Phase::Body(2));
        framing.observe(b"bc");
        assert_eq!(framing.phase(), Phase::Between);
    }
}
