//! The Redis server: requests are run once and in order, and an item goes to one client.

#[path = "../../examples/redis_server/answers.rs"]
mod answers;
#[path = "../../examples/redis_server/blocked.rs"]
mod blocked;
#[path = "../../examples/redis_server/client/mod.rs"]
mod client;
#[path = "../../examples/redis_server/commands/mod.rs"]
mod commands;
#[path = "../../examples/redis_server/connection.rs"]
mod connection;
#[path = "../../examples/redis_server/floats.rs"]
mod floats;
#[path = "../../examples/redis_server/glob.rs"]
mod glob;
#[path = "../../examples/redis_server/info.rs"]
mod info;
#[path = "../../examples/redis_server/profile.rs"]
mod profile;
#[path = "../../examples/redis_server/pubsub.rs"]
mod pubsub;
#[path = "../../examples/redis_server/request.rs"]
mod request;
#[path = "../../examples/redis_server/resp.rs"]
mod resp;
mod scenario;
#[path = "../../examples/redis_server/server.rs"]
mod server;
#[path = "../../examples/redis_server/store.rs"]
mod store;
#[path = "../../examples/redis_server/sweeper.rs"]
mod sweeper;
#[path = "../../examples/redis_server/values/mod.rs"]
mod values;
#[path = "../../examples/redis_server/words.rs"]
mod words;
