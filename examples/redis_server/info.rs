//! What the server reports about itself: enough for the usual clients.

use super::answers::{Answers, Protocol};
use super::commands::{Command, SYNTAX, excerpt, since_1970};
use super::glob;
use super::request::Args;
use super::resp::integer;
use super::server::{DATABASES, Server};
use super::store::{Refusal, Store};

/// The version of Redis that the server claims to be.
const VERSION: &str = "7.0.15";

pub(crate) fn hello(client: u64, protocol: Protocol, answers: &mut Answers<'_>) {
    let version = if protocol == Protocol::Resp3 { 3 } else { 2 };
    answers.map(7);
    for (name, value) in [("server", "redis"), ("version", VERSION)] {
        answers.bulk(name.as_bytes());
        answers.bulk(value.as_bytes());
    }
    for (name, value) in [("proto", version), ("id", client as i64)] {
        answers.bulk(name.as_bytes());
        answers.integer(value);
    }
    for (name, value) in [("mode", "standalone"), ("role", "master")] {
        answers.bulk(name.as_bytes());
        answers.bulk(value.as_bytes());
    }
    answers.bulk(b"modules");
    answers.array(0);
}

pub(crate) fn info(server: &Server, args: Args<'_>, answers: &mut Answers<'_>) {
    let stores = server.stores.borrow();
    let used = stores.iter().enumerate().filter(|(_, store)| store.len() > 0);
    let line = |(index, store): (usize, &Store)| {
        format!("db{index}:keys={},expires={},avg_ttl=0\r\n", store.len(), store.expiring())
    };
    let process = std::process::id();
    let (clients, seats) = (server.clients.borrow().len(), server.seats.get());
    let watched: usize = stores.iter().map(Store::watched).sum();
    let sections = [
        ("Server", format!("redis_version:{VERSION}\r\nredis_mode:standalone\r\nprocess_id:{process}\r\n")),
        ("Clients", format!("connected_clients:{clients}\r\nmaxclients:{seats}\r\ntotal_watched_keys:{watched}\r\n")),
        ("Replication", "role:master\r\n".to_owned()),
        ("Keyspace", used.map(line).collect()),
    ];
    let is_named = |name: &str| {
        args.from(1).any(|word| [name, "all", "default", "everything"].iter().any(|name| is_same(word, name)))
    };
    let wanted = sections.into_iter().filter(|(name, _)| args.len() == 1 || is_named(name));
    let texts: Vec<String> = wanted.map(|(name, lines)| format!("# {name}\r\n{lines}")).collect();
    answers.text(&texts.join("\r\n"));
}

fn is_same(word: &[u8], name: &str) -> bool {
    word.eq_ignore_ascii_case(name.as_bytes())
}

pub(crate) fn time(answers: &mut Answers<'_>) {
    let now = since_1970();
    answers.array(2);
    answers.bulk(now.as_secs().to_string().as_bytes());
    answers.bulk(now.subsec_micros().to_string().as_bytes());
}

/// The settings that clients may read. Redis has many more.
fn settings(server: &Server) -> [(&'static str, String); 7] {
    let settings = &server.settings;
    [
        ("appendonly", "no".to_owned()),
        ("databases", DATABASES.to_string()),
        ("maxclients", server.seats.get().to_string()),
        ("maxmemory", "0".to_owned()),
        ("proto-max-bulk-len", settings.limits.bulk.to_string()),
        ("save", String::new()),
        ("timeout", settings.idle.map_or(0, |idle| idle.as_secs()).to_string()),
    ]
}

pub(crate) fn config(server: &Server, args: Args<'_>, answers: &mut Answers<'_>) -> Result<(), Refusal> {
    match args.get(1).to_ascii_uppercase().as_slice() {
        b"GET" => {
            let wanted =
                |name: &str| args.from(2).any(|pattern| glob::matches(&pattern.to_ascii_lowercase(), name.as_bytes()));
            let values: Vec<_> = settings(server).into_iter().filter(|(name, _)| wanted(name)).collect();
            answers.map(values.len());
            for (name, value) in values {
                answers.bulk(name.as_bytes());
                answers.bulk(value.as_bytes());
            }
        }
        b"SET" => {
            set(server, args)?;
            answers.ok();
        }
        _ => answers.ok(),
    }
    Ok(())
}

/// Sets `maxclients`. Everything else can only be set to what it is.
fn set(server: &Server, args: Args<'_>) -> Result<(), Refusal> {
    if !args.len().is_multiple_of(2) {
        return Err(SYNTAX);
    }
    let pairs = || (2..args.len()).step_by(2).map(|index| (args.get(index).to_ascii_lowercase(), args.get(index + 1)));
    let settings = settings(server);
    let current = |name: &[u8]| settings.iter().find(|(known, _)| known.as_bytes() == name);
    if let Some((name, _)) = pairs().find(|(name, _)| current(name).is_none()) {
        let name = String::from_utf8_lossy(&name).into_owned();
        return Err(format!("ERR Unknown option or number of arguments for CONFIG SET - '{name}'").into());
    }
    let mut seats = server.seats.get();
    for (name, value) in pairs() {
        let text = String::from_utf8_lossy(value);
        let failed = |why: &str| -> Refusal {
            let name = String::from_utf8_lossy(&name);
            format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {why}").into()
        };
        if name == b"maxclients" {
            let count = integer(value).ok_or_else(|| failed("argument couldn't be parsed into an integer"))?;
            let count = u32::try_from(count).ok().filter(|count| *count > 0);
            seats = count.ok_or_else(|| failed("argument must be between 1 and 4294967295 inclusive"))? as usize;
        } else if name == b"databases" || current(&name).is_some_and(|(_, current)| *current != text) {
            return Err(failed("can't set immutable config"));
        }
    }
    server.seats.set(seats);
    Ok(())
}

pub(crate) fn command(args: Args<'_>, answers: &mut Answers<'_>) -> Result<(), Refusal> {
    let count = Command::all().count();
    if args.len() == 1 {
        answers.array(count);
        Command::all().for_each(|command| describe(command, answers));
        return Ok(());
    }
    match (args.get(1).to_ascii_uppercase().as_slice(), args.len()) {
        (b"COUNT", 2) => answers.count(count),
        (b"LIST", 2) => {
            answers.array(count);
            Command::all().for_each(|command| answers.bulk(command.name.as_bytes()));
        }
        (b"INFO", _) => {
            answers.array(args.len() - 2);
            for name in args.from(2) {
                match Command::find(name) {
                    Some(command) => describe(command, answers),
                    None => answers.nil(),
                }
            }
        }
        (b"DOCS", _) => answers.map(0),
        _ => return Err(SYNTAX),
    }
    Ok(())
}

/// Its name, its number of arguments, no flags, and no places of keys.
fn describe(command: &Command, answers: &mut Answers<'_>) {
    answers.array(6);
    answers.bulk(command.name.as_bytes());
    answers.integer(command.arity.into());
    answers.set(0);
    (0..3).for_each(|_| answers.integer(0));
}

pub(crate) fn pubsub(server: &Server, args: Args<'_>, answers: &mut Answers<'_>) -> Result<(), Refusal> {
    let channels = server.channels.borrow();
    match (args.get(1).to_ascii_uppercase().as_slice(), args.len()) {
        (b"CHANNELS", 2 | 3) => {
            let pattern = if args.len() == 3 { args.get(2) } else { b"*" };
            let names: Vec<_> = channels.channels.keys().filter(|name| glob::matches(pattern, name)).collect();
            answers.array(names.len());
            names.into_iter().for_each(|name| answers.bulk(name));
        }
        (b"NUMSUB", _) => {
            answers.array(2 * (args.len() - 2));
            for name in args.from(2) {
                answers.bulk(name);
                answers.count(channels.channels.get(name).map_or(0, |subscribers| subscribers.len()));
            }
        }
        (b"NUMPAT", 2) => answers.count(channels.patterns.len()),
        _ => {
            let name = excerpt(args.get(1));
            let text = format!("ERR unknown subcommand or wrong number of arguments for '{name}'. Try PUBSUB HELP.");
            return Err(text.into());
        }
    }
    Ok(())
}
