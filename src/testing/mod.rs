//! Tools for testing machines and programs: virtual time, connections in memory, and conversations that are repeated with
//! cut, truncated and interrupted input.
//!
//! Nothing here waits. A test in which a machine sleeps for a year takes no time, and has the same result each time. A
//! program in which every task waits for ever raises an error instead of hanging, and the error says what each task waits
//! for.
//!
//! A protocol is tested without a socket. [`Script`] talks to a machine that has an alphabet of its own; [`Exchange`]
//! runs a machine over a stream. Both can repeat the conversation with the input cut at every byte or ended after every
//! byte, and with a throw, a cancel or a close at every suspension. When something is wrong, they say in which states the
//! machine was suspended. To test against a peer that answers what the machine sends, or that is slow, run both ends of a
//! [`memory_pair`] in a [`virtual_loop`](fn@virtual_loop).
//!
//! A program of several tasks is tested by [`explore`](fn@explore): it runs in every order, and with every fault. The chapter
//! [`exploring`] begins with a bug that anybody could have written.
//!
//! A [`Graph`] draws a machine, and lists the transitions that the tests have not seen.
//!
//! | file | holds |
//! |---|---|
//! | `clock.rs`        | [`VirtualClock`]: a clock that jumps to the next deadline |
//! | `virtual_loop.rs` | [`virtual_loop`](fn@virtual_loop): an event loop with that clock, without descriptors |
//! | `memory_stream.rs` | [`memory_pair`]: connections in memory that can misbehave like a network |
//! | `memory_listener.rs` | [`memory_listener`](fn@memory_listener): a listener that accepts them |
//! | `backlog.rs`      | the connections that wait to be accepted |
//! | `channel.rs`      | one direction of such a connection |
//! | `waiters.rs`      | the tasks that wait for such an object |
//! | `script.rs`       | [`Script`]: a conversation with a machine, with its input cut, truncated and interrupted |
//! | `conversation.rs` | what a script says |
//! | `play.rs`         | one run of a script |
//! | `exchange.rs`     | [`Exchange`]: a conversation with a machine over a stream, disturbed in the same ways |
//! | `feed.rs`         | an input that is given piece by piece |
//! | `network/`        | [`Network`]: connections between hosts with names, with latency, loss and partitions |
//! | `hosts/`          | [`Hosts`]: programs with a loop each in one virtual time; they crash and restart |
//! | `decisions.rs`    | where a simulation takes its decisions from |
//! | `prng.rs`         | random numbers |
//! | `case.rs`         | [`Interruption`]; how a run is disturbed, and what a failure says about it |
//! | `explore/`        | [`explore`](fn@explore): a program in every order, with every fault |
//! | `exploring/`      | [`exploring`]: the chapter about it |
//! | `graph/`          | [`Graph`]: the states of a machine, declared, observed, compared and drawn |

mod backlog;
mod case;
mod channel;
mod clock;
mod conversation;
mod decisions;
mod exchange;
mod explore;
pub mod exploring;
mod feed;
mod graph;
mod hosts;
mod memory_listener;
mod memory_stream;
mod network;
mod play;
mod prng;
mod script;
mod virtual_loop;
mod waiters;

pub use self::case::{Interruption, Interruptions};
pub use self::clock::VirtualClock;
pub use self::exchange::{Exchange, Exchanged};
pub use self::explore::{Choices, Explore, Explored, Failure, Faults, Sim, explore, random, replay};
pub use self::graph::{
    Coverage, Graph, Node, Observed, Transition, TransitionKind, assert_drawn, assert_drawn_in, observe,
};
pub use self::hosts::{Host, Hosts};
pub use self::memory_listener::{MemoryConnector, MemoryListener, memory_listener};
pub use self::memory_stream::{MemoryPair, MemoryStream, memory_pair};
pub use self::network::{
    Crash, Interface, Link, Network, NetworkConnect, NetworkListener, NetworkSocket, NetworkStream,
};
pub use self::script::Script;
pub use self::virtual_loop::virtual_loop;
