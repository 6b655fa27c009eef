//! The twin of `Connection` in `examples/file_server/connection.rs`: what one would write as `async fn`, with tokio's names. It is counted, and never compiled.

pub(crate) struct Connection<S> {
    stream: S,
    root: Arc<Path>,
    incoming: Buffer,
    outgoing: Buffer,
    is_last: bool,
    stop: CancellationToken,
}

impl<S: ByteStream> Connection<S> {
    pub(crate) fn new(stream: S, root: Arc<Path>, stop: CancellationToken) -> Self {
        Self { stream, root, incoming: Buffer::with_limit(HEAD), outgoing: Buffer::new(), is_last: false, stop }
    }

    pub(crate) async fn run(mut self) -> io::Result<()> {
        while !self.is_last {
            let (response, manner) = match timeout(PATIENCE, self.request()).await {
                Ok(Ok(Some(request))) => {
                    let (root, path) = (Arc::clone(&self.root), request.path.clone());
                    let as_directory = request.as_directory;
                    let found = spawn_blocking(move || resource::find(&root, path.as_deref(), as_directory)).await?;
                    self.is_last |= !request.keep_alive || self.stop.is_cancelled();
                    let manner = Manner {
                        is_last: self.is_last,
                        is_http_10: request.is_http_10,
                        without_body: request.method == Method::Head,
                    };
                    (Response::to(&request, found), manner)
                }
                Ok(Ok(None)) => return Ok(()),
                Ok(Err(Refused::By(status))) => self.refusal(status),
                Ok(Err(Refused::Io(error))) if error.kind() == ErrorKind::StorageFull => {
                    self.refusal(Status::HEAD_TOO_LARGE)
                }
                Ok(Err(Refused::Io(error))) => return Err(error),
                Err(_) if !self.incoming.is_empty() => self.refusal(Status::REQUEST_TIMEOUT),
                Err(elapsed) => return Err(elapsed.into()),
            };
            let body = response.write(manner, &mut self.outgoing);
            while !self.outgoing.is_empty() {
                timeout(STALL, self.stream.write_buf(&mut self.outgoing)).await??;
            }
            if let Some(Body { mut part, length }) = body {
                let mut sent = 0;
                while sent < length {
                    match timeout(STALL, self.stream.send_some(&mut part)).await?? {
                        0 => return Ok(()),
                        count => sent += count,
                    }
                }
            }
        }
        timeout(LINGER, self.linger()).await?
    }

    async fn request(&mut self) -> Result<Option<Request>, Refused> {
        loop {
            if self.stop.is_cancelled() && self.incoming.is_empty() {
                return Ok(None);
            }
            if let Some((request, length)) = request::parse(self.incoming.bytes()).map_err(Refused::By)? {
                self.incoming.consume(length);
                return Ok(Some(request));
            }
            select! {
                read = self.stream.read(&mut self.incoming) => if read.map_err(Refused::Io)? == 0 {
                    return Ok(None);
                },
                () = self.stop.cancelled(), if !self.stop.is_cancelled() => {}
            }
        }
    }

    async fn linger(&mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        loop {
            self.incoming.clear();
            if self.stream.read(&mut self.incoming).await? == 0 {
                return Ok(());
            }
        }
    }

    fn refusal(&mut self, status: Status) -> (Response, Manner) {
        self.is_last = true;
        let without_body = self.incoming.bytes().starts_with(b"HEAD ");
        (Response::about(status), Manner { is_last: true, is_http_10: false, without_body })
    }
}

enum Refused {
    By(Status),
    Io(io::Error),
}
