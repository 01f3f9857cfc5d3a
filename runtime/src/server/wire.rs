//! A connection's socket with its deadlines: hyper reads and writes through it.
//!
//! hyper has one deadline for reading headers, which also runs while a connection is idle, and
//! none for writing. Here a half-sent head, an idle connection and a client that does not read
//! each have their own.

use std::{
    io,
    net::Shutdown,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep},
};

use super::{
    ServerLimits,
    framing::{Framing, Phase},
};

/// What the two sides of a connection tell each other: the socket, and the service behind hyper.
#[derive(Debug)]
pub(super) struct Conversation {
    answering: AtomicBool,
    asked: AtomicU64,
    /// The request that stated its length twice; `u64::MAX` where there is none.
    ambiguous: AtomicU64,
}

impl Conversation {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            answering: AtomicBool::new(false),
            asked: AtomicU64::new(0),
            ambiguous: AtomicU64::new(u64::MAX),
        })
    }

    /// A request has come. Whether it stated its length twice.
    pub(super) fn begin(&self) -> bool {
        self.answering.store(true, Ordering::Relaxed);
        let request = self.asked.fetch_add(1, Ordering::Relaxed);
        request == self.ambiguous.load(Ordering::Relaxed)
    }

    /// Its answer goes out.
    pub(super) fn end(&self) {
        self.answering.store(false, Ordering::Relaxed);
    }
}

/// The socket of one connection.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    framing: Framing,
    conversation: Arc<Conversation>,
    head_timeout: Duration,
    idle_timeout: Duration,
    write_timeout: Duration,
    linger_timeout: Duration,
    /// When the current head began, or the connection, or when something last came or went.
    active_at: Instant,
    is_new: bool,
    read_sleep: Pin<Box<Sleep>>,
    write_sleep: Option<Pin<Box<Sleep>>>,
    linger_sleep: Option<Pin<Box<Sleep>>>,
}

impl Wire {
    pub(super) fn new(
        stream: TcpStream,
        conversation: Arc<Conversation>,
        limits: &ServerLimits,
    ) -> Self {
        Self {
            stream,
            framing: Framing::new(),
            conversation,
            head_timeout: limits.head_timeout(),
            idle_timeout: limits.idle_timeout(),
            write_timeout: limits.write_timeout(),
            linger_timeout: limits.linger_timeout(),
            active_at: Instant::now(),
            is_new: true,
            read_sleep: Box::pin(sleep(limits.head_timeout())),
            write_sleep: None,
            linger_sleep: None,
        }
    }

    /// A head's deadline counts from its first byte, all others from the last byte either way.
    fn note_read(&mut self, before: Phase, bytes: &[u8]) {
        self.framing.observe(bytes);
        if let Some(request) = self.framing.ambiguous() {
            self.conversation
                .ambiguous
                .store(request, Ordering::Relaxed);
        }
        let goes_on = before == Phase::Head && self.framing.phase() == Phase::Head;
        if !self.is_new && !goes_on {
            self.active_at = Instant::now();
        }
        if self.framing.phase() != Phase::Head {
            self.is_new = false;
        }
    }

    fn poll_read_deadline(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let is_head = self.is_new || self.framing.phase() == Phase::Head;
        let timeout = if is_head {
            self.head_timeout
        } else {
            self.idle_timeout
        };
        let mut deadline = self.active_at + timeout;
        loop {
            if self.read_sleep.deadline() != deadline {
                self.read_sleep.as_mut().reset(deadline);
            }
            ready!(self.read_sleep.as_mut().poll(context));
            // While a request is being answered nobody owes us a byte.
            if !self.conversation.answering.load(Ordering::Relaxed) {
                return Poll::Ready(());
            }
            self.active_at = Instant::now();
            deadline = self.active_at + self.idle_timeout;
        }
    }

    fn poll_written<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.write_sleep = None;
            if self.framing.phase() != Phase::Head {
                self.active_at = Instant::now();
            }
            return written;
        }
        let timeout = self.write_timeout;
        let sleep = self
            .write_sleep
            .get_or_insert_with(|| Box::pin(sleep(timeout)));
        ready!(sleep.as_mut().poll(context));
        Poll::Ready(Err(late("the client takes nothing of what it is sent")))
    }
}

fn late(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Ready(Ok(())) => {
                let phase = self.framing.phase();
                self.note_read(phase, &buffer.filled()[before..]);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                ready!(self.poll_read_deadline(context));
                Poll::Ready(Err(late("the client sent no whole request in time")))
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.poll_written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.poll_written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Ends the answer, then reads away what the client still sends, for a while: closing a
    /// socket with unread bytes resets it, and the reset would overtake the answer.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.linger_sleep.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
        }
        if !matches!(this.framing.phase(), Phase::Body(_) | Phase::Rest) {
            return Poll::Ready(Ok(()));
        }
        let timeout = this.linger_timeout;
        let linger = this
            .linger_sleep
            .get_or_insert_with(|| Box::pin(sleep(timeout)));
        let mut thrown_away = [0; 16 * 1024];
        // A fixed number of reads, so that a fast sender leaves the thread to others.
        for _ in 0..16 {
            if linger.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let mut buffer = ReadBuf::new(&mut thrown_away);
            match Pin::new(&mut this.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Refuses a connection beyond the limit with one write that cannot wait.
pub(super) fn refuse(stream: TcpStream) {
    use io::Write;
    let body = r#"{"type":"urn:tickbase:problem:too-many-connections","title":"Too many connections","status":503,"code":"too-many-connections","detail":"the server has as many connections as it may have"}"#;
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n\
         Content-Length: {}\r\nRetry-After: 1\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    if let Ok(mut stream) = stream.into_std() {
        // It did not ask for anything yet: where the answer does not arrive nothing is lost.
        let _ = stream.write(answer.as_bytes());
        let _ = stream.shutdown(Shutdown::Write);
    }
}
