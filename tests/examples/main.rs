//! The programs in `examples/`, run as users run them, and the figures that the benchmarks publish.

#![cfg(feature = "full")]

#[cfg(target_os = "linux")]
mod chat_room;
#[cfg(target_os = "linux")]
mod crawler;
#[cfg(target_os = "linux")]
mod diagrams;
#[cfg(target_os = "linux")]
mod echo;
#[cfg(target_os = "linux")]
mod file_server;
mod generators;
#[cfg(target_os = "linux")]
mod grep;
mod instruction_figures;
#[cfg(target_os = "linux")]
mod jobs;
#[cfg(target_os = "linux")]
mod mail;
mod pipeline;
mod printed;
#[cfg(target_os = "linux")]
mod real_clients;
#[cfg(target_os = "linux")]
mod redis_server;
#[cfg(target_os = "linux")]
mod socks5_proxy;
#[path = "../support/mod.rs"]
mod support;
