//! The chat room's machines.

#[path = "../../../examples/chat_room/lines.rs"]
mod lines;
#[path = "../../../examples/chat_room/member.rs"]
pub(super) mod member;
#[path = "../../../examples/chat_room/room.rs"]
mod room;
