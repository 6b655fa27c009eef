//! What the processes do, and how they end.

mod catching;
mod forks;
mod host;
mod queued;
mod restoring;
mod threads;

/// How a program ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Well,
    KilledBy(i32),
}

pub(crate) type Program = (&'static str, fn(), End);

/// The name of a function, and that.
macro_rules! programs {
    ($($module:ident :: $name:ident $(killed by $signal:ident)?),* $(,)?) => {
        &[$((
            stringify!($name),
            $module::$name,
            [$(End::KilledBy(libc::$signal),)? End::Well][0],
        )),*]
    };
}

pub(crate) const PROGRAMS: &[Program] = programs![
    restoring::removing_a_handler_restores_what_was_there,
    restoring::closing_a_loop_restores_what_was_there,
    restoring::dropping_a_loop_restores_what_was_there,
    restoring::a_run_restores_what_ctrl_c_did,
    restoring::a_handler_that_was_refused_changes_nothing,
    restoring::a_broken_pipe_is_an_error_after_a_handler_was_removed,
    restoring::what_somebody_else_has_set_meanwhile_stays,
    restoring::a_handler_that_was_replaced_can_be_called_by_the_new_one,
    restoring::ours_put_back_by_another_acts_as_what_was_there,
    restoring::ours_put_back_by_another_ends_the_process_where_that_was_the_default killed by SIGTERM,
    catching::a_number_that_is_no_signal_is_refused_by_name,
    catching::calls_go_on_and_stacks_for_signals_are_used,
    catching::errno_stays,
    queued::real_time_signals_are_called_as_often_as_they_come,
    queued::ordinary_signals_that_come_together_are_one,
    queued::signals_are_handled_in_the_order_of_their_numbers,
    queued::real_time_signals_that_were_blocked_all_come,
    queued::all_signals_can_come_at_once,
    queued::those_that_were_not_fetched_are_forgotten_with_their_handler,
    threads::a_signal_in_another_thread_wakes_the_loop,
    threads::one_loop_of_several_threads_handles_signals,
    threads::nobody_elses_descriptor_is_written_to_while_loops_close,
    threads::what_a_handler_writes_to_stays_open,
    threads::loops_with_handlers_do_not_use_descriptors_up,
    threads::a_handler_needs_no_descriptor,
    forks::a_child_does_what_the_parent_did_before_its_handlers,
    forks::a_signal_to_a_child_does_not_wake_the_parent,
    forks::a_child_has_handlers_of_its_own,
    forks::a_child_that_drops_its_parents_loop_keeps_its_own_handlers,
    forks::a_child_of_a_run_dies_of_ctrl_c,
    forks::a_child_made_behind_the_c_library_is_not_deaf,
];
