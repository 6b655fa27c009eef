//! The server of `examples/redis_server` on tokio, as far as it is measured: strings, lists, and clients that wait for items.
//!
//! The parser, the store and the commands are the same files. The rest is written as sparingly as tokio allows: no connection
//! has a buffer while it is idle, all share a few, and each turn takes one read and one write. It has no transactions, no
//! subscriptions, no time limits and no orderly end, so a connection has less to remember than ours.

#[path = "../../../../../examples/redis_server/answers.rs"]
#[allow(dead_code)]
mod answers;
#[path = "../../../../../examples/redis_server/commands/mod.rs"]
#[allow(dead_code, unused_imports)]
mod commands;
#[path = "../../../../../examples/redis_server/floats.rs"]
mod floats;
#[path = "../../../../../examples/redis_server/glob.rs"]
mod glob;
#[path = "../../../../../examples/redis_server/request.rs"]
#[allow(dead_code)]
mod request;
#[path = "../../../../../examples/redis_server/resp.rs"]
mod resp;
#[path = "../../../../../examples/redis_server/store.rs"]
#[allow(dead_code)]
mod store;
#[path = "../../../../../examples/redis_server/values/mod.rs"]
#[allow(dead_code)]
mod values;
#[path = "../../../../../examples/redis_server/words.rs"]
mod words;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use answers::{Answers, Protocol};
use commands::{Action, Call, Command, Special, unknown};
use request::{Args, Span};
use resp::{Limits, Parsed, Parser};
use store::{End, Key, Store};

const PIECE: usize = 64 * 1024;

struct Server {
    store: RefCell<Store>,
    lines: RefCell<HashMap<Key, VecDeque<oneshot::Sender<Item>>>>,
    waiting: Cell<usize>,
    pieces: RefCell<Vec<Vec<u8>>>,
    spare: Cell<Vec<Span>>,
    limits: Limits,
    began: Instant,
}

type Item = (Key, Box<[u8]>);

impl Server {
    fn take_piece(&self) -> Vec<u8> {
        self.pieces.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(PIECE))
    }

    fn give_piece(&self, mut piece: Vec<u8>) {
        let mut pieces = self.pieces.borrow_mut();
        if piece.capacity() == PIECE && pieces.len() < 8 {
            piece.clear();
            pieces.push(piece);
        }
    }
}

struct Connection {
    stream: TcpStream,
    server: Rc<Server>,
    incoming: Vec<u8>,
    parser: Parser,
}

enum Flow {
    GoOn,
    Close,
    Wait(Box<[Key]>, Option<Duration>),
}

impl Connection {
    /// Reads some bytes. Holds no piece while it waits, and no more than the bytes of a request that has begun.
    async fn read(&mut self) -> io::Result<usize> {
        if self.incoming.capacity() == PIECE {
            let rest = self.incoming.as_slice().to_vec();
            self.server.give_piece(std::mem::replace(&mut self.incoming, rest));
        }
        poll_fn(|cx| {
            let mut piece = self.server.take_piece();
            let ready = pin!(self.stream.read_buf(&mut piece)).poll(cx);
            if self.incoming.is_empty() && !piece.is_empty() {
                self.incoming = piece;
            } else {
                self.incoming.extend_from_slice(&piece);
                self.server.give_piece(piece);
            }
            ready
        })
        .await
    }

    async fn serve(mut self) -> io::Result<()> {
        loop {
            if self.read().await? == 0 {
                return Ok(());
            }
            let mut start = 0;
            loop {
                let mut out = self.server.take_piece();
                let flow = self.answer(&mut start, &mut out);
                let written = self.stream.write_all(&out).await;
                let is_full = out.len() >= PIECE;
                self.server.give_piece(out);
                written?;
                match flow {
                    Flow::Close => return Ok(()),
                    Flow::Wait(keys, limit) => {
                        let rest = self.incoming.split_off(start);
                        self.incoming = rest;
                        start = 0;
                        Box::pin(self.wait(keys, limit)).await?;
                    }
                    Flow::GoOn if is_full => {}
                    Flow::GoOn => break,
                }
            }
            if start == self.incoming.len() {
                self.server.give_piece(std::mem::take(&mut self.incoming));
            } else {
                self.incoming.drain(..start);
            }
        }
    }

    fn answer(&mut self, start: &mut usize, out: &mut Vec<u8>) -> Flow {
        let now = self.server.began.elapsed().as_millis() as u64;
        self.parser.borrow_room(&self.server.spare);
        let mut flow = Flow::GoOn;
        while out.len() < PIECE && matches!(flow, Flow::GoOn) {
            let bytes = &self.incoming[*start..];
            let length = match self.parser.parse(bytes, &self.server.limits) {
                Ok(Parsed::Part) => break,
                Ok(Parsed::Nothing(length)) => length,
                Ok(Parsed::Whole(length)) => {
                    flow = run(&self.server, self.parser.args(bytes), out, now);
                    length
                }
                Ok(Parsed::Line(length, request)) => {
                    flow = run(&self.server, request.args(), out, now);
                    length
                }
                Err(error) => {
                    answers(out).error(&format!("ERR Protocol error: {error}"));
                    flow = Flow::Close;
                    bytes.len()
                }
            };
            self.parser.next();
            *start += length;
            if self.server.waiting.get() > 0 {
                serve_waiting(&self.server);
            }
        }
        self.parser.return_room(&self.server.spare);
        flow
    }

    async fn wait(&mut self, keys: Box<[Key]>, limit: Option<Duration>) -> io::Result<()> {
        let (sender, mut receiver) = oneshot::channel();
        // Of several lists, only the first: more is not measured.
        self.server.lines.borrow_mut().entry(Rc::clone(&keys[0])).or_default().push_back(sender);
        self.server.waiting.set(self.server.waiting.get() + 1);
        self.server.store.borrow_mut().count_waiting(1);
        let mut out = Vec::new();
        let over = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        let mut over = Box::pin(over);
        let ended = loop {
            tokio::select! {
                biased;
                count = self.read() => if count? == 0 { break Err(io::ErrorKind::UnexpectedEof.into()) },
                item = &mut receiver => {
                    if let Ok((key, item)) = item {
                        let mut answers = self::answers(&mut out);
                        answers.array(2);
                        answers.bulk(&key);
                        answers.bulk(&item);
                    }
                    break Ok(());
                }
                () = &mut over => {
                    answers(&mut out).nil_array();
                    break Ok(());
                }
            }
        };
        self.server.waiting.set(self.server.waiting.get() - 1);
        self.server.store.borrow_mut().count_waiting(-1);
        ended.and(self.stream.write_all(&out).await)
    }
}

fn answers(out: &mut Vec<u8>) -> Answers<'_> {
    Answers::new(out, Protocol::Resp2)
}

fn serve_waiting(server: &Server) {
    let mut store = server.store.borrow_mut();
    let mut lines = server.lines.borrow_mut();
    while let Some(key) = store.next_filled() {
        let Some(line) = lines.get_mut(&key) else { continue };
        while let Some(sender) = line.pop_front() {
            if sender.is_closed() {
                continue;
            }
            match store.change_list(&key, |list| End::Left.pop(list)) {
                Ok(Some(Some(item))) => drop(sender.send((Rc::clone(&key), item))),
                _ => {
                    line.push_front(sender);
                    break;
                }
            }
        }
    }
}

fn run(server: &Server, args: Args<'_>, out: &mut Vec<u8>, now: u64) -> Flow {
    let Some(command) = Command::find(args.get(0)) else {
        answers(out).error(&unknown(args));
        return Flow::GoOn;
    };
    if let Err(refusal) = command.check(args) {
        answers(out).error(&refusal);
        return Flow::GoOn;
    }
    match command.action {
        Action::Data(run) => {
            let mut store = server.store.borrow_mut();
            store.set_now(now);
            if let Err(refusal) = run(&mut Call { store: &mut store, args, out: answers(out) }) {
                answers(out).error(&refusal);
            }
        }
        Action::Special(Special::Ping) => answers(out).simple("PONG"),
        Action::Special(Special::Config) => answers(out).array(0),
        Action::Special(Special::Quit) => {
            answers(out).ok();
            return Flow::Close;
        }
        Action::Special(Special::BlockingPop) => return pop_or_wait(server, args, out),
        Action::Special(_) => answers(out).error("ERR not measured"),
    }
    Flow::GoOn
}

fn pop_or_wait(server: &Server, args: Args<'_>, out: &mut Vec<u8>) -> Flow {
    let seconds = std::str::from_utf8(args.get(args.len() - 1)).ok().and_then(|text| text.parse::<f64>().ok());
    let keys = args.from(1).take(args.len() - 2);
    for key in keys.clone() {
        if let Ok(Some(Some(item))) = server.store.borrow_mut().change_list(key, |list| End::Left.pop(list)) {
            let mut answers = answers(out);
            answers.array(2);
            answers.bulk(key);
            answers.bulk(&item);
            return Flow::GoOn;
        }
    }
    let limit = seconds.filter(|seconds| *seconds > 0.0).map(Duration::from_secs_f64);
    Flow::Wait(keys.map(Key::from).collect(), limit)
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".into());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    let server = Rc::new(Server {
        store: RefCell::default(),
        lines: RefCell::default(),
        waiting: Cell::new(0),
        pieces: RefCell::default(),
        spare: Cell::default(),
        limits: Limits::default(),
        began: Instant::now(),
    });
    tasks.block_on(&runtime, async {
        let listener = TcpListener::bind(address).await?;
        println!("listening on {}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let connection =
                Connection { stream, server: Rc::clone(&server), incoming: Vec::new(), parser: Parser::default() };
            tokio::task::spawn_local(connection.serve());
        }
    })
}
