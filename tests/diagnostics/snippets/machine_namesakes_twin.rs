//! The twin of `machine_namesakes.rs`. A state may also be called like its enum.

#![allow(dead_code)]

use innermost::{Exception, Machine, machine};

struct Client;
struct Server;
struct Third;

machine!(
    impl Machine for Client {
        type State = ClientPhase;

        fn Reading(&mut self) -> Next<Writing> {
            to(Writing)
        }

        fn Writing(&mut self) -> Next<End> {
            end(())
        }

        fn raised(&mut self, raised: Exception) -> Next<Writing, End> {
            if raised.is_cancelled() { end(()) } else { to(Writing) }
        }
    }
);

machine!(
    impl Machine for Server {
        type State = ServerPhase;

        fn Reading(&mut self) -> Next<Writing> {
            yield_to(innermost::Await::next_turn(), Writing)
        }

        fn Writing(&mut self) -> Next<End> {
            end(())
        }
    }
);

machine!(
    impl Machine for Third {
        type State = Reading;

        fn Reading(&mut self) -> Next<Writing> {
            to(Writing)
        }

        fn Writing(&mut self) -> Next<Reading, End> {
            end(())
        }
    }
);

fn main() {
    let _ = Client.start(ClientPhase::Reading);
    let _ = Server.start(ServerPhase::Reading);
    let _ = Third.start(Reading::Writing);
}
