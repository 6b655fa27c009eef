//! The table of a machine: drawn, and asked by a test.

use innermost::coroutine::machine::{Diagram, unreachable_states};
use innermost::{Exception, Machine, machine, take_sent};

struct Session;

machine!(
    impl Machine for Session {
        type Yield = u8;
        type State = Talk;

        fn Greeting(&mut self, sent: Sent) -> Next<LoggingIn, End> {
            take_sent(sent)?;
            yield_to(1, LoggingIn(0))
        }

        fn LoggingIn(&mut self, sent: Sent, tries: &mut u8) -> Next<LoggingIn, Talking> {
            take_sent(sent)?;
            if *tries < 3 { yield_to(2, LoggingIn(*tries + 1)) } else { to(Talking) }
        }

        fn Talking(&mut self, sent: Sent) -> Next<Talking, End> {
            take_sent(sent)?;
            end(())
        }

        fn Forgotten(&mut self) -> Next<AlsoForgotten> {
            to(AlsoForgotten)
        }

        fn AlsoForgotten(&mut self) -> Next<Forgotten, Talking> {
            to(Talking)
        }

        fn Leaving(&mut self) -> Next<End> {
            end(())
        }

        fn thrown(&mut self, _state: &mut Talk, _thrown: Exception) -> Next<Leaving> {
            to(Leaving)
        }
    }
);

#[test]
fn a_machine_lists_the_successors_of_each_state() {
    let expected: &[(&str, &[&str])] = &[
        ("Greeting", &["LoggingIn", "End"]),
        ("LoggingIn", &["LoggingIn", "Talking"]),
        ("Talking", &["Talking", "End"]),
        ("Forgotten", &["AlsoForgotten"]),
        ("AlsoForgotten", &["Forgotten", "Talking"]),
        ("Leaving", &["End"]),
    ];
    assert_eq!(Session::TRANSITIONS, expected);
    assert_eq!((Session::ON_THROWN, Session::ON_RAISED), (&["Leaving"] as &[_], &[] as &[&str]));
}

#[test]
fn states_that_nothing_leads_to_are_found() {
    assert_eq!(unreachable_states::<Session>(&["Greeting"]), ["Forgotten", "AlsoForgotten"]);
    assert_eq!(unreachable_states::<Session>(&["Forgotten"]), ["Greeting", "LoggingIn"]);
    assert_eq!(unreachable_states::<Session>(&["Greeting", "Forgotten"]), [""; 0]);
    assert_eq!(unreachable_states::<Session>(&[]).len(), 5);
}

#[test]
fn a_machine_can_be_drawn() {
    let expected = "stateDiagram-v2
    Greeting --> LoggingIn
    Greeting --> [*]
    LoggingIn --> LoggingIn
    LoggingIn --> Talking
    Talking --> Talking
    Talking --> [*]
    Forgotten --> AlsoForgotten
    AlsoForgotten --> Forgotten
    AlsoForgotten --> Talking
    Leaving --> [*]
    any: any state
    any --> Leaving: thrown
";
    assert_eq!(Diagram::<Session>::new().to_string(), expected);
    let _ = Session.start(Talk::Greeting);
}
