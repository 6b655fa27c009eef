//! The chat: every member hears every line of the others once, and those of one member in order.

#[path = "../../examples/tls_chat/member.rs"]
mod member;
mod scenario;
