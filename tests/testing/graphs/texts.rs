//! Mermaid and DOT.

use innermost::testing::{Graph, Node, TransitionKind, observe};
use innermost::{Exception, Machine, Sleep, from_iter, machine, take_sent};

struct Session;

machine!(
    impl Machine for Session {
        type State = Talk;

        fn Greeting(&mut self, sent: Sent) -> Next<LoggingIn, End> {
            take_sent(sent)?;
            to(LoggingIn(0))
        }

        fn LoggingIn(&mut self, sent: Sent, tries: &mut u8) -> Next<LoggingIn, Pausing> {
            take_sent(sent)?;
            if *tries < 3 { to(LoggingIn(*tries + 1)) } else { to(Pausing(innermost::sleep(std::time::Duration::ZERO))) }
        }

        fn Pausing(&mut self, slept: Outcome<Sleep>) -> Next<Greeting, End> {
            slept?;
            to(Greeting)
        }

        fn Leaving(&mut self) -> Next<End> {
            end(())
        }

        fn thrown(&mut self, _state: &mut Talk, _thrown: Exception) -> Next<Leaving> {
            to(Leaving)
        }

        fn finally(&mut self, _sent: Sent) -> Done {
            Ok(())
        }
    }
);

#[test]
fn a_declared_machine_is_drawn_with_its_hooks() {
    let graph = Graph::declared::<Session>().starting_in("Greeting");
    let expected = "stateDiagram-v2
    accTitle: Session
    state \"any state\" as any
    [*] --> Greeting
    Greeting --> LoggingIn
    Greeting --> finally
    LoggingIn --> LoggingIn
    LoggingIn --> Pausing
    Pausing --> Greeting
    Pausing --> finally
    Leaving --> finally
    finally --> [*]
    any --> Leaving: thrown
    any --> finally: raised
";
    assert_eq!(graph.mermaid(), expected);
    let _ = Session.start(Talk::Greeting);
}

#[test]
fn nested_states_have_identifiers_of_their_own() {
    let child = Graph::new("Login").starting_in("Sending").transition("Sending", "end").transition("end", Node::End);
    let one = Graph::new("Session").starting_in("Sending").transition("Sending", Node::End).nested("Sending", &child);
    let expected = "stateDiagram-v2
    accTitle: Session
    state \"Sending #62; Login\" as Sending {
        state \"Sending\" as Sending_Sending
        state \"end\" as Sending_end
        [*] --> Sending_Sending
        Sending_Sending --> Sending_end
        Sending_end --> [*]
    }
    [*] --> Sending
    Sending --> [*]
";
    assert_eq!(one.mermaid(), expected);
    let two = one.nested("Sending", &Graph::new("Other").state("Alone"));
    for inner in
        ["    state Sending {\n", "        state \"Login\" as Sending_Login {\n", "            state \"Alone\" as "]
    {
        assert!(two.mermaid().contains(inner), "{}", two.mermaid());
    }
}

#[test]
fn transitions_between_the_same_states_are_one_line() {
    let graph = Graph::new("ends")
        .transition("A", Node::End)
        .transition_by(TransitionKind::Raised, "A", Node::End)
        .transition_by(TransitionKind::Cancelled, "A", Node::End)
        .transition_by(TransitionKind::Closed, "A", Node::End);
    assert_eq!(
        graph.mermaid(),
        "stateDiagram-v2\n    accTitle: ends\n    A --> [*]\n    A --> [*]: raised, cancelled, closed\n"
    );
    let dashed: Vec<_> =
        graph.dot().lines().filter(|line| line.contains("dashed")).map(str::trim).map(String::from).collect();
    assert_eq!(dashed, ["s0 -> s1 [label=\"raised, cancelled, closed\", style=dashed];"]);
}

#[test]
fn counts_and_differences_are_written_beside_the_transitions() {
    let graph = Graph::new("numbers").starting_in("FromIter").transition("FromIter", "Elsewhere");
    assert!(!graph.mermaid().contains(':') || graph.mermaid().matches(':').count() == 1, "only the title");
    let mut numbers = innermost::Generator::new(observe(from_iter(0..3), &graph));
    while numbers.next().is_ok() {}
    let expected = "stateDiagram-v2
    accTitle: numbers
    [*] --> FromIter: 1
    FromIter --> Elsewhere: never seen
    FromIter --> FromIter: 3
    FromIter --> [*]: 1, not declared
";
    assert_eq!(graph.mermaid(), expected);
}

#[test]
fn names_of_any_kind_are_escaped() {
    let graph = Graph::new("a \"title\" <b>")
        .transition("Vec<Option<u8>>", "say \"hi\"; }")
        .transition("say \"hi\"; }", "größe")
        .transition("größe", "back\\slash")
        .transition("back\\slash", "state")
        .label("größe", "back\\slash", "line\nbreak: <&>");
    let mermaid = graph.mermaid();
    let lines: Vec<_> = mermaid.lines().map(str::trim).collect();
    assert_eq!(
        lines[1..],
        [
            "accTitle: a #34;title#34; #60;b#62;",
            "state \"Vec#60;Option#60;u8#62;#62;\" as Vec_Option_u8__",
            "state \"say #34;hi#34;#59; #125;\" as say__hi____",
            "state \"größe\" as gr__e",
            "state \"back#92;slash\" as back_slash",
            "state \"state\" as state_",
            "Vec_Option_u8__ --> say__hi____",
            "say__hi____ --> gr__e",
            "gr__e --> back_slash: line break#58; #60;#38;#62;",
            "back_slash --> state_",
        ]
    );
    let dot = graph.dot();
    let labels: Vec<_> = dot.lines().filter(|line| line.trim_start().starts_with('s')).map(str::trim).collect();
    assert_eq!(
        labels,
        [
            "s0 [label=\"Vec<Option<u8>>\"];",
            "s1 [label=\"say \\\"hi\\\"; }\"];",
            "s2 [label=\"größe\"];",
            "s3 [label=\"back\\\\slash\"];",
            "s4 [label=\"state\"];",
            "s0 -> s1;",
            "s1 -> s2;",
            "s2 -> s3 [label=\"line\\nbreak: <&amp;>\"];",
            "s3 -> s4;",
        ]
    );
}

#[test]
fn all_drawings_replace_the_same_characters() {
    let replaced = "\0\u{1b}\u{7f}\u{9f}\u{61c}\u{200e}\u{200f}\u{202a}\u{202e}\u{2066}\u{2069}\u{fdd0}\u{fdef}\u{fffe}\
                    \u{ffff}\u{10ffff}";
    let spaces = "\t\r\u{85}\u{a0}\u{2028}";
    let kept = "\u{61b}\u{200d}\u{fdf0}\u{fffd}\u{1f600}";
    let drawn = |c: char| {
        let name = format!("<{c}>");
        let inner = Graph::new(&name).state(&name);
        let graph = Graph::new(&name).transition("A", &*name).label("A", &*name, &name).nested("A", &inner);
        [graph.svg(), graph.mermaid(), graph.dot()]
    };
    for (characters, instead) in [(replaced, '\u{fffd}'), (spaces, ' ')] {
        for c in characters.chars() {
            assert_eq!(drawn(c), drawn(instead), "{c:?}");
        }
    }
    for c in kept.chars() {
        assert!(drawn(c).iter().all(|drawing| drawing.contains(c)), "{c:?}");
    }
}

#[test]
#[should_panic(expected = "there is no transition from A to C that could have a label")]
fn a_label_needs_its_transition() {
    let _ = Graph::new("x").transition("A", "B").state("C").label("A", "C", "text");
}

#[test]
#[should_panic(expected = "no transition leads from end to A")]
fn nothing_leads_from_the_end() {
    let _ = Graph::new("x").transition(Node::End, "A");
}
