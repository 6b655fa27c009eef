//! Exceptions: values with an error, a kind and a cause.

use std::error::Error;
use std::io;

use innermost::{Exception, Generator, Kind, Stop, ready};

use crate::generator_rules::bodies::{Oops, machine, yields};

#[test]
fn an_exception_can_be_sent_to_other_threads_and_cloned() {
    const fn holds<T: Send + Sync + Clone + 'static>() {}
    const { holds::<Exception>() };
}

#[test]
fn the_question_mark_converts_errors_and_downcast_recovers_them() {
    fn fails() -> Result<(), Exception> {
        Err(Oops(1))?
    }
    let raised = fails().unwrap_err();
    assert_eq!(raised.kind(), Kind::Error);
    assert_eq!(raised.downcast_ref(), Some(&Oops(1)));
    assert!(raised.downcast_ref::<io::Error>().is_none());
    assert_eq!(raised.downcast::<Oops>().unwrap(), Oops(1));
}

#[test]
fn downcast_to_a_wrong_type_returns_the_exception() {
    let raised = Exception::new(Oops(2)).downcast::<io::Error>().unwrap_err();
    assert_eq!(raised.downcast_ref(), Some(&Oops(2)));
}

#[test]
fn downcast_of_a_shared_exception_returns_the_exception() {
    let raised = Exception::of(Kind::ValueError, Oops(3));
    let clone = raised.clone();
    let raised = raised.downcast::<Oops>().unwrap_err();
    assert_eq!(raised.kind(), Kind::ValueError);
    drop(clone);
    assert_eq!(raised.downcast::<Oops>().unwrap(), Oops(3));
}

#[test]
fn kinds_without_an_error_have_named_constructors() {
    let made = [Exception::generator_exit(), Exception::stop_iteration(), Exception::cancelled(), Exception::timeout()];
    let kinds = [Kind::GeneratorExit, Kind::StopIteration, Kind::CancelledError, Kind::TimeoutError];
    assert_eq!(made.each_ref().map(Exception::kind), kinds);
    assert_eq!(
        made.each_ref().map(ToString::to_string),
        ["generator exit", "stop iteration", "cancelled", "timed out"]
    );
    assert!(made.iter().all(|exception| exception.cause().is_none() && exception.downcast_ref::<Oops>().is_none()));
    assert!(made[0].is_generator_exit() && made[2].is_cancelled());
}

#[test]
fn display_prints_the_error_and_debug_adds_kind_and_cause() {
    let oops = Exception::of(Kind::ValueError, Oops(4));
    assert_eq!((oops.to_string(), format!("{oops:?}")), ("oops 4".into(), "ValueError: oops 4".into()));
    let caused = Exception::caused_by(Kind::RuntimeError, "no luck", oops);
    assert_eq!(caused.to_string(), "no luck");
    assert_eq!(format!("{caused:?}"), "RuntimeError: no luck\n  caused by ValueError: oops 4");
    assert_eq!(format!("{:?}", Exception::cancelled()), "CancelledError");
}

#[test]
fn an_exception_keeps_its_chain_of_causes() {
    let first = Exception::new(Oops(5));
    let second = Exception::caused_by(Kind::Error, "second", first);
    let third = Exception::caused_by(Kind::Error, "third", second);
    let causes: Vec<_> =
        std::iter::successors(Some(&third), |raised| raised.cause()).map(ToString::to_string).collect();
    assert_eq!(causes, ["third", "second", "oops 5"]);
}

#[test]
fn converting_an_exception_to_an_error_returns_the_original() {
    let error = Exception::new(Oops(6)).into_error();
    assert_eq!(error.downcast_ref(), Some(&Oops(6)));
    let boxed: Box<dyn Error + Send + Sync> = Exception::message(Kind::ValueError, "seven").into();
    assert_eq!(boxed.to_string(), "seven");
}

#[test]
fn converting_a_shared_exception_to_an_error_keeps_its_text() {
    #[derive(Debug)]
    struct Wrapped(Oops);
    impl std::fmt::Display for Wrapped {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("wrapped")
        }
    }
    impl Error for Wrapped {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }
    let raised = Exception::new(Wrapped(Oops(8)));
    let _clone = raised.clone();
    let error = raised.into_error();
    assert_eq!(error.to_string(), "wrapped");
    assert_eq!(error.source().map(ToString::to_string), Some("oops 8".into()));
}

#[test]
fn converting_an_exception_to_an_error_drops_its_notes() {
    let raised = Exception::new(Oops(11));
    let noted = raised.clone().with_note("after the clone was made");
    drop(raised);
    assert_eq!(noted.into_error().downcast_ref(), Some(&Oops(11)));
}

#[test]
fn a_stop_converts_to_the_exception_that_python_raises() {
    let ended = Generator::new(ready::<(), (), _>(7)).next().unwrap_err();
    assert_eq!(Exception::from(ended).kind(), Kind::StopIteration);
    assert_eq!(Exception::from(Stop::<()>::Exhausted).kind(), Kind::StopIteration);
    assert_eq!(Exception::from(Stop::<()>::Raised(Oops(9).into())).downcast_ref(), Some(&Oops(9)));
    assert!(matches!(Stop::<()>::from(Exception::cancelled()), Stop::Raised(raised) if raised.is_cancelled()));
}

#[test]
fn an_uncaught_thrown_exception_comes_out_unchanged() {
    let mut generator = Generator::new(machine(|_, sent| {
        sent?;
        yields(0)
    }));
    generator.next().unwrap();
    let Err(Stop::Raised(raised)) = generator.throw(Oops(10)) else { panic!("it is let out") };
    assert_eq!(raised.downcast::<Oops>().unwrap(), Oops(10));
}

#[test]
fn a_note_can_be_added_to_any_exception() {
    let bare = Exception::timeout().with_note("page 7");
    assert_eq!(
        (bare.kind(), bare.to_string(), format!("{bare:?}")),
        noted(Kind::TimeoutError, "timed out", "TimeoutError")
    );
    assert!(bare.cause().is_none());
    let original = Exception::of(Kind::ValueError, Oops(4));
    let copy = original.clone().with_note("page 7");
    assert_eq!(
        (copy.kind(), copy.to_string(), format!("{copy:?}")),
        noted(Kind::ValueError, "oops 4", "ValueError: oops 4")
    );
    assert_eq!((original.notes().count(), copy.downcast_ref::<Oops>()), (0, Some(&Oops(4))));
    let caused = Exception::caused_by(Kind::RuntimeError, "no luck", original);
    let copy = caused.clone().with_note("page 7");
    assert_eq!(copy.cause().and_then(|cause| cause.downcast_ref()), Some(&Oops(4)));
}

fn noted(kind: Kind, text: &str, report: &str) -> (Kind, String, String) {
    (kind, text.into(), format!("{report}\n  note: page 7"))
}

#[test]
fn a_shared_exception_has_its_own_notes_after_the_common_ones() {
    let first = Exception::new(Oops(4)).with_note("first");
    let second = first.clone().with_note("second");
    let third = second.clone().with_note("third").with_note("fourth");
    assert!(first.notes().eq(["first"]) && second.notes().eq(["first", "second"]));
    assert!(third.notes().eq(["first", "second", "third", "fourth"]));
    assert_eq!(third.cause().map(ToString::to_string), None);
    // The error is moved out once it is not shared.
    let third = third.downcast::<Oops>().unwrap_err();
    assert!(third.notes().eq(["first", "second", "third", "fourth"]));
    drop((first, second));
    assert_eq!(third.downcast::<Oops>().unwrap(), Oops(4));
}

#[test]
fn many_notes_on_shared_exceptions_do_not_form_a_chain() {
    // A note on a shared exception copies the notes before it, so the work is quadratic, and Miri is slow.
    let count = if cfg!(miri) { 30 } else { 1000 };
    let mut raised = Exception::new(Oops(4));
    let mut kept = Vec::new();
    for _ in 0..count {
        kept.push(raised.clone());
        raised = raised.with_note("again");
    }
    drop(kept);
    assert_eq!((raised.notes().count(), raised.downcast::<Oops>().unwrap()), (count, Oops(4)));
}
