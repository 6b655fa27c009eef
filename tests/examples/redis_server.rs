//! The Redis-like server: its connections over memory in virtual time, and the program with clients written by others.

#[path = "../../examples/redis_server/answers.rs"]
mod answers;
#[path = "../../examples/redis_server/blocked.rs"]
mod blocked;
mod blocking;
#[path = "../../examples/redis_server/client/mod.rs"]
mod client;
mod clients;
mod collections;
#[path = "../../examples/redis_server/commands/mod.rs"]
mod commands;
#[path = "../../examples/redis_server/connection.rs"]
pub(crate) mod connection;
mod data;
#[path = "../../examples/redis_server/floats.rs"]
mod floats;
#[path = "../../examples/redis_server/glob.rs"]
mod glob;
mod hostile;
#[path = "../../examples/redis_server/info.rs"]
mod info;
mod limits;
mod messages;
mod others;
mod parts;
#[path = "../../examples/redis_server/profile.rs"]
mod profile;
mod program;
#[path = "../../examples/redis_server/pubsub.rs"]
mod pubsub;
mod real;
#[path = "../../examples/redis_server/request.rs"]
mod request;
#[path = "../../examples/redis_server/resp.rs"]
mod resp;
mod resp3;
mod scripts;
#[path = "../../examples/redis_server/server.rs"]
mod server;
#[path = "../../examples/redis_server/store.rs"]
mod store;
#[path = "../../examples/redis_server/sweeper.rs"]
pub(crate) mod sweeper;
mod transactions;
#[path = "../../examples/redis_server/values/mod.rs"]
mod values;
#[path = "../../examples/redis_server/words.rs"]
mod words;
mod world;
