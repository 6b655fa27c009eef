use innermost::sync::EventWait;
use innermost::{Event, Exception, LoopHandle, Machine, Sleep, machine, sleep};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

/// Waits for a page, and prints it.
struct Printer {
    pages: Rc<RefCell<VecDeque<&'static str>>>,
    page_came: Event,
}

machine!(
    impl Machine for Printer {
        type State = Printing;
        type Return = &'static str;

        fn Looking(&mut self) -> Next<ShowingIdle, End> {
            match self.pages.borrow_mut().pop_front() {
                Some(page) => end(page),
                None => to(ShowingIdle(sleep(Duration::from_millis(1)))),
            }
        }

        /// Writes "idle" on the display, which takes a moment.
        fn ShowingIdle(&mut self, shown: Outcome<Sleep>) -> Next<Waiting> {
            shown?;
            self.page_came.clear();
            to(Waiting(self.page_came.wait()))
        }

        fn Waiting(&mut self, woken: Outcome<EventWait>) -> Next<Looking> {
            woken?;
            to(Looking)
        }
    }
);

/// Somebody sends a page, and the printer prints it.
fn a_page_is_printed(event_loop: &LoopHandle) -> Result<(), Exception> {
    let printer = Printer { pages: Rc::default(), page_came: Event::new() };
    let (pages, page_came) = (Rc::clone(&printer.pages), printer.page_came.clone());
    event_loop.call_soon(move || {
        pages.borrow_mut().push_back("page 1");
        page_came.set();
    })?;
    let printer = event_loop.task().name("printer").spawn(printer.start(Printing::Looking))?;
    assert_eq!(event_loop.run_until_complete(printer)?, "page 1");
    Ok(())
}
