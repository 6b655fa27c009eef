//! Two machines whose states have the same names.

#![allow(dead_code)]

use innermost::{Exception, Machine, machine};

struct Client;
struct Server;

machine!(
    impl Machine for Client {
        type State = ClientPhase;

        fn Reading(&mut self) -> Next<Writing> {
            to(Reading) //~ `_::__machine::ClientPhase::Reading` is not listed among what may follow `_::__machine::ClientPhase::Reading`
        }

        fn Writing(&mut self) -> Next<Reading> {
            end(()) //~ `End` is not listed among what may follow `_::__machine::ClientPhase::Writing`
        }

        fn raised(&mut self, raised: Exception) -> Next<Reading> {
            if raised.is_cancelled() { end(()) } else { to(Writing) } //~ `End` is not listed among what may follow `_::__machine::ClientPhase::raised` //~ `_::__machine::ClientPhase::Writing` is not listed
        }
    }
);

machine!(
    impl Machine for Server {
        type State = ServerPhase;

        fn Reading(&mut self) -> Next<Writing> {
            yield_to(innermost::Await::next_turn(), Reading) //~ `_::__machine::ServerPhase::Reading` is not listed
        }

        fn Writing(&mut self) -> Next<End> {
            stay() //~ the state `_::__machine::ServerPhase::Writing` has been left
        }
    }
);

fn main() {
    let _ = Client.start(ServerPhase::Reading); //~ expected `ClientPhase`, found `ServerPhase`
}
