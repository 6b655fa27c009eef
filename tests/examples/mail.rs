//! The mail client: its machine by hand and over streams, and each way to drive it against a server.

#[path = "../../examples/mail/awaited.rs"]
mod awaited;
#[path = "../../examples/mail/blocking.rs"]
mod blocking;
#[path = "../../examples/mail/delivery.rs"]
pub(crate) mod delivery;
#[path = "../../examples/mail/guest.rs"]
mod guest;

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Output;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use innermost::testing::{Exchange, Graph, Interruption, Script, observe};
use innermost::{Exception, Running};

use self::delivery::{Delivered, Delivery, Mail, Reply, Want, delivery};
use crate::support::process::example;
use crate::support::tools::{Fed, tool};

/// As in the program.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the client sends, and the reply to each. The first reply is the greeting.
const TALK: [(&str, &str); 8] = [
    ("", "220-mail.example\r\n220 at your service\r\n"),
    ("EHLO localhost\r\n", "250-mail.example\r\n250-SIZE 1000000\r\n250 HELP\r\n"),
    ("MAIL FROM:<ada@example.com>\r\n", "250 ok\r\n"),
    ("RCPT TO:<bob@example.com>\r\n", "250 ok\r\n"),
    ("RCPT TO:<eve@example.com>\r\n", "550 no such user\r\n"),
    ("DATA\r\n", "354 go on\r\n"),
    ("Subject: hi\r\n\r\n..\r\n..and so on\r\n.\r\n", "250 queued\r\n"),
    ("QUIT\r\n", "221 bye\r\n"),
];

fn replies() -> String {
    TALK.iter().map(|(_, reply)| *reply).collect()
}

fn commands() -> String {
    TALK.iter().map(|(command, _)| *command).collect()
}

fn mail() -> Mail {
    let to = vec!["bob@example.com".into(), "eve@example.com".into()];
    Mail::new("ada@example.com".into(), to, TEXT.into()).expect("the addresses are good")
}

const TEXT: &str = "Subject: hi\n\n.\r\n.and so on\n";

fn delivered() -> Delivered {
    let refused = Reply { code: 550, text: "no such user".into() };
    Delivered { accepted: vec!["bob@example.com".into()], refused: vec![("eve@example.com".into(), refused)] }
}

/// The talk as a script: the machine reads the replies, and writes what `TALK` says.
fn script() -> Script<Running<Delivery>> {
    let script = Script::new(|| delivery(mail())).input(replies(), |want| *want == Want::Read, <[u8]>::to_vec);
    let commands = TALK[1..].iter().map(|(command, _)| Want::Write(command.as_bytes().to_vec()));
    commands.fold(script, Script::expect).returns(delivered())
}

/// What must become of a delivery that was disturbed after the server had sent `length` bytes: until the mail is in the
/// server's hands, it fails.
fn is_delivered(length: usize) -> bool {
    length >= replies().len() - "221 bye\r\n".len()
}

#[test]
fn the_machine_speaks_the_protocol_however_its_input_is_cut() {
    script().run();
    script().all_splits();
    script().truncations(|length, outcome| match outcome {
        Ok(outcome) => assert!(is_delivered(length) && outcome == delivered()),
        Err(raised) => assert!(!is_delivered(length) && io_kind(&raised) == Some(io::ErrorKind::UnexpectedEof)),
    });
}

#[test]
fn two_conversations_cover_every_transition() {
    let graph = Graph::declared::<Delivery>().starting_in("Greeting");
    let nobody = || Mail::new("a".into(), Vec::new(), Vec::new()).expect("the addresses are good");
    for (mail, replies) in [(mail as fn() -> Mail, replies()), (nobody, "220 a\n250 b\n250 c\n221 d\n".into())] {
        let runs = graph.clone();
        Script::new(move || observe(delivery(mail()), &runs))
            .input(replies, |want| *want == Want::Read, <[u8]>::to_vec)
            .reply(|_| Ok(Vec::new()))
            .run();
    }
    graph.coverage().assert_complete();
}

#[test]
fn an_error_after_the_mail_is_delivered_does_not_matter() {
    let mut ends = Vec::new();
    script().interruptions(|_, interruption, outcome| {
        let raised = outcome.err();
        match interruption {
            Interruption::Throw => ends.push(raised.is_none()),
            Interruption::Close => assert!(raised.is_some_and(|raised| raised.is_generator_exit())),
            _ => assert!(raised.is_some_and(|raised| raised.is_cancelled())),
        }
    });
    // The replies come at once, so that it reads once. Then it writes seven times, the last time to say goodbye.
    assert_eq!(ends, [false, false, false, false, false, false, false, true]);
}

#[test]
fn an_invalid_reply_raises() {
    let raises = |input: &str, text: &str| {
        let text = text.to_owned();
        Script::new(|| delivery(mail()))
            .input(input, |want| *want == Want::Read, <[u8]>::to_vec)
            .raises_that(move |raised| raised.to_string() == text)
            .run();
    };
    raises("hello\r\n", "this is not SMTP");
    raises("22\r\n", "this is not SMTP");
    raises("999 ok\r\n", "this is not SMTP");
    raises(&format!("220 {}", "x".repeat(70_000)), "the reply is too long");
    raises("554 go away\r\n", "refused: 554 go away");
    raises("", "unexpected end of file");
}

#[test]
fn a_mail_without_accepted_recipients_is_not_sent() {
    let to = || Mail::new("a".into(), vec!["b".into()], Vec::new()).expect("the addresses are good");
    let write = |command: &str| Want::Write(command.into());
    Script::new(move || delivery(to()))
        .input("220 a\n250 b\n250 c\n550 d\n221 e\n", |want| *want == Want::Read, <[u8]>::to_vec)
        .expect(write("EHLO localhost\r\n"))
        .expect(write("MAIL FROM:<a>\r\n"))
        .expect(write("RCPT TO:<b>\r\n"))
        .expect(write("QUIT\r\n"))
        .returns_that(|delivered| delivered.accepted.is_empty() && delivered.refused.len() == 1)
        .run();
    assert!(Mail::new("a".into(), vec!["b>\r\nDATA".into()], Vec::new()).is_err());
}

#[test]
fn over_a_stream_of_the_loop_it_does_the_same() {
    let exchange = Exchange::new(|stream| awaited::delivering_over(stream, mail())).input(replies());
    let ended = exchange.run();
    assert_eq!((ended.outcome.expect("it is delivered"), ended.output), (delivered(), commands().into_bytes()));
    exchange.truncations(|length, ended| assert_eq!(ended.outcome.is_ok(), is_delivered(length)));
    exchange.interruptions(|_, interruption, ended| {
        assert!(ended.outcome.is_err() || interruption == Interruption::Throw);
    });
}

#[test]
fn over_a_stream_of_the_loop_every_split_is_the_same() {
    let short = || Mail::new("a".into(), vec!["b".into()], Vec::new()).expect("the addresses are good");
    Exchange::new(move |stream| awaited::delivering_over(stream, short()))
        .input("220 a\r\n250-b\n250 c\n250 d\n250 e\n354 f\n250 g\n221 h\n")
        .all_splits();
}

#[test]
fn over_a_blocking_stream_it_does_the_same() {
    /// Reads single bytes, with an interruption before each, and keeps what is written.
    struct Stream {
        unread: VecDeque<u8>,
        is_interrupted: bool,
        written: Vec<u8>,
    }
    impl Read for &mut Stream {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            self.is_interrupted = !self.is_interrupted;
            if self.is_interrupted {
                return Err(io::ErrorKind::Interrupted.into());
            }
            self.unread.read(&mut bytes[..1])
        }
    }
    impl Write for &mut Stream {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.written.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let stream = |input: &str| Stream { unread: input.bytes().collect(), is_interrupted: false, written: Vec::new() };
    let mut whole = stream(&replies());
    assert_eq!(blocking::deliver_over(&mut whole, mail()).expect("it is delivered"), delivered());
    assert_eq!(String::from_utf8(whole.written).expect("it is text"), commands());
    let raised = blocking::deliver_over(&mut stream("220 hello\r\n"), mail()).expect_err("it is cut off");
    assert_eq!(io_kind(&raised), Some(io::ErrorKind::UnexpectedEof));
}

/// A server for one client. Returns its address, and what the client has sent.
fn server() -> (String, JoinHandle<io::Result<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    let serve = move || {
        let (stream, _) = listener.accept()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut lines = BufReader::new(&stream);
        let mut received = String::new();
        for (command, reply) in TALK {
            let start = received.len();
            while received[start..] != *command {
                if lines.read_line(&mut received)? == 0 {
                    return Ok(received);
                }
            }
            (&stream).write_all(reply.as_bytes())?;
        }
        Ok(received)
    };
    (address, thread::spawn(serve))
}

#[test]
fn each_way_delivers_the_same() {
    let pause = Duration::from_millis(1);
    for way in ["blocking", "loop", "guest"] {
        let (address, server) = server();
        let outcome = match way {
            "blocking" => blocking::deliver(&address, mail()),
            "loop" => awaited::deliver(&address, mail()),
            _ => guest::deliver(&address, mail(), pause, || ()),
        };
        assert_eq!(outcome.expect(way), delivered());
        assert_eq!(server.join().expect("it does not panic").expect("it serves"), commands());
    }
}

#[test]
fn the_host_keeps_running_while_its_guest_waits() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    let mut ticks = 0;
    let mut listener = Some(listener);
    let delivered = guest::deliver(&address, mail(), Duration::from_millis(1), || {
        ticks += 1;
        // The server says nothing. After some ticks it is gone.
        if ticks == 3 {
            listener = None;
        }
    });
    assert!(delivered.is_err() && ticks >= 3);
}

#[test]
fn the_program_prints_the_outcome_of_the_mail() {
    for way in ["blocking", "loop", "guest"] {
        let (address, server) = server();
        let mut command = tool(&example("mail").to_string_lossy());
        command.args([way, &address, "ada@example.com", "bob@example.com", "eve@example.com"]);
        let Output { status, stdout, stderr } = Fed::start(&mut command).run(TEXT.as_bytes());
        let (output, errors) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert_eq!(output, "accepted bob@example.com\nrefused eve@example.com: 550 no such user\n", "{errors}");
        assert_eq!(status.code(), Some(1), "{errors}");
        assert_eq!(server.join().expect("it does not panic").expect("it serves"), commands());
    }
}

fn io_kind(raised: &Exception) -> Option<io::ErrorKind> {
    raised.downcast_ref::<io::Error>().map(io::Error::kind)
}
