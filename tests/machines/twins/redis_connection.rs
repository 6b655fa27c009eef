//! The twin of `Connection` in `examples/redis_server/connection.rs`: what one would write as `async fn`, with tokio's names. It is counted, and never compiled.

pub(crate) struct Connection<S> {
    stream: S,
    client: Client,
    incoming: Buffer,
    parser: Parser,
    outgoing: Buffer,
    idle: Option<Duration>,
    waiting: Option<Box<Waiting>>,
    is_last: bool,
    stop: CancellationToken,
}

impl<S: ByteStream> Connection<S> {
    pub(crate) fn new(stream: S, server: &Rc<Server>, address: Option<SocketAddr>, stop: CancellationToken) -> Self {
        let settings = &server.settings;
        let mut connection = Self {
            stream,
            client: Client::new(Seat::take(server, address)),
            incoming: Buffer::with_limit(settings.limits.request),
            parser: Parser::default(),
            outgoing: Buffer::new(),
            idle: settings.idle,
            waiting: None,
            is_last: false,
            stop,
        };
        if connection.client.seat.is_refused {
            connection.is_last = true;
            connection.client.answers(&mut connection.outgoing).error("ERR max number of clients reached");
        }
        connection
    }

    pub(crate) async fn run(mut self) {
        let profile = Rc::clone(&self.client.seat.profile);
        // A client that another one has killed gets no more answers.
        let served = select! {
            served = self.serve() => served,
            () = profile.killed() => Ok(true),
        };
        // A connection that is lost, or silent for too long, is not a failure of the server.
        if matches!(served, Ok(true)) {
            self.incoming = Buffer::new();
            self.client.forget();
            let _ = timeout(LINGER, self.linger()).await;
        }
    }

    /// Returns `false` if the client has left.
    async fn serve(&mut self) -> io::Result<bool> {
        loop {
            self.answer();
            let is_over = self.is_over();
            let listens = !is_over && self.client.mailbox().is_some();
            if listens {
                self.client.take_messages(&mut self.outgoing, ENOUGH);
            } else if !self.outgoing.is_empty() {
                self.write().await?;
                continue;
            }
            let is_there = match self.waiting.take() {
                Some(waiting) => self.wait(waiting).await?,
                None if is_over => return Ok(true),
                None if listens => self.listen().await?,
                None => self.receive().await?,
            };
            if !is_there {
                return Ok(false);
            }
        }
    }

    fn is_over(&self) -> bool {
        self.is_last || self.stop.is_cancelled()
    }

    async fn receive(&mut self) -> io::Result<bool> {
        select! {
            biased; // some bytes may have arrived just now
            read = within(self.idle, self.stream.read(&mut self.incoming)) => Ok(read? > 0),
            () = self.stop.cancelled() => Ok(true),
        }
    }

    async fn write(&mut self) -> io::Result<()> {
        while !self.outgoing.is_empty() {
            within(self.idle, self.stream.write_buf(&mut self.outgoing)).await?;
        }
        Ok(())
    }

    async fn wait(&mut self, mut waiting: Box<Waiting>) -> io::Result<bool> {
        let Waiting { ticket, over } = &mut *waiting;
        let mailbox = self.client.mailbox().cloned();
        let mut reads = true;
        while !self.stop.is_cancelled() {
            select! {
                biased;
                read = self.stream.read(&mut self.incoming), if reads => match read? {
                    0 => return Ok(false),
                    _ => reads = self.incoming.len() < ENOUGH,
                },
                written = self.stream.write_buf(&mut self.outgoing), if !self.outgoing.is_empty() => {
                    written?;
                    if !self.take_mail() {
                        return Ok(false);
                    }
                }
                () = ticket.came() => break,
                () = over.passed() => {
                    self.client.answers(&mut self.outgoing).nil_array();
                    break;
                }
                Some(()) = OptionFuture::from(mailbox.as_ref().map(|mailbox| mailbox.mail.notified())) => {
                    if !self.take_mail() {
                        return Ok(false);
                    }
                }
                () = self.stop.cancelled() => {}
            }
        }
        self.client.take_messages(&mut self.outgoing, usize::MAX);
        if let Some(item) = ticket.take() {
            pair(&mut self.client.answers(&mut self.outgoing), &item.key, &item.bytes);
        }
        Ok(true)
    }

    async fn listen(&mut self) -> io::Result<bool> {
        let mut reads = self.outgoing.len() < ENOUGH;
        while let Some(mailbox) = self.client.mailbox().cloned() {
            select! {
                read = self.stream.read(&mut self.incoming), if reads => if read? == 0 {
                    return Ok(false);
                },
                written = self.stream.write_buf(&mut self.outgoing), if !self.outgoing.is_empty() => {
                    written?;
                }
                () = mailbox.mail.notified() => {}
                () = self.stop.cancelled() => {}
            }
            if !self.take_mail() {
                return Ok(false);
            }
            self.answer();
            reads = self.outgoing.len() < ENOUGH;
            if self.is_over() || self.waiting.is_some() {
                break;
            }
        }
        Ok(true)
    }

    fn take_mail(&mut self) -> bool {
        let Some(mailbox) = self.client.mailbox() else { return true };
        mailbox.take(&mut self.outgoing, if self.stop.is_cancelled() { usize::MAX } else { ENOUGH });
        !mailbox.is_overfull()
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

    fn answer(&mut self) {
        self.client.seat.profile.enter();
        if self.incoming.is_empty() || self.is_last {
            return;
        }
        let server = Rc::clone(self.client.server());
        self.client.seat.profile.last.set(server.read_clock());
        self.parser.borrow_room(&server.spare);
        while self.outgoing.len() < ENOUGH && !self.is_last && self.waiting.is_none() {
            let bytes = self.incoming.bytes();
            let (flow, length) = match self.parser.parse(bytes, &server.settings.limits) {
                Ok(Parsed::Part) => break,
                Ok(Parsed::Nothing(length)) => (Flow::GoOn, length),
                Ok(Parsed::Whole(length)) => (self.client.run(self.parser.args(bytes), &mut self.outgoing), length),
                Ok(Parsed::Line(length, request)) => (self.client.run(request.args(), &mut self.outgoing), length),
                Err(error) => {
                    self.client.answers(&mut self.outgoing).error(&format!("ERR Protocol error: {error}"));
                    (Flow::Close, bytes.len())
                }
            };
            self.parser.next();
            self.incoming.consume(length);
            self.client.serve_others();
            match flow {
                Flow::GoOn => {}
                Flow::Close => self.is_last = true,
                Flow::Cut => (self.is_last, self.outgoing) = (true, Buffer::new()),
                Flow::Wait(waiting) => self.waiting = Some(waiting),
            }
        }
        self.parser.return_room(&server.spare);
    }
}

async fn within<T>(limit: Option<Duration>, doing: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match limit {
        Some(limit) => timeout(limit, doing).await?,
        None => doing.await,
    }
}
