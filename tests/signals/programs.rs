//! The programs that the processes run, and how they end.

mod catching;
mod forks;
mod host;
mod queued;
mod restoring;
mod servers;
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
    restoring::removing_a_handler_restores_the_previous_action,
    restoring::closing_a_loop_restores_the_previous_actions,
    restoring::dropping_a_loop_restores_the_previous_actions,
    restoring::a_run_restores_the_previous_action_of_ctrl_c,
    restoring::a_refused_handler_changes_nothing,
    restoring::removing_a_handler_keeps_sigpipe_ignored,
    restoring::an_action_set_by_other_code_meanwhile_stays,
    restoring::a_new_action_can_call_the_replaced_one,
    restoring::our_handler_restored_by_other_code_acts_as_the_previous_action,
    restoring::our_handler_restored_by_other_code_acts_as_a_default_action killed by SIGTERM,
    catching::an_invalid_signal_number_is_refused,
    catching::interrupted_calls_resume_and_signal_stacks_are_used,
    catching::handlers_preserve_errno,
    catching::a_fault_ends_the_program_despite_a_handler killed by SIGILL,
    queued::real_time_signals_call_the_handler_each_time,
    queued::pending_ordinary_signals_are_merged,
    queued::signals_are_handled_in_the_order_of_their_numbers,
    queued::blocked_real_time_signals_are_all_delivered,
    queued::all_signals_can_come_at_once,
    queued::removing_a_handler_discards_undelivered_signals,
    servers::a_signal_stops_a_server_and_a_second_one_cuts_it,
    servers::a_signal_before_the_server_begins_stops_it,
    servers::one_signal_stops_all_servers_of_a_loop,
    servers::a_dropped_server_removes_its_handlers_and_no_others,
    servers::a_server_cannot_stop_on_signals_that_another_loop_handles,
    servers::a_closed_loop_leaves_nothing_of_a_server_that_stops_on_signals,
    threads::a_signal_in_another_thread_wakes_the_loop,
    threads::one_loop_of_several_threads_handles_signals,
    threads::closing_loops_write_to_no_foreign_descriptor,
    threads::the_descriptor_that_handlers_write_to_stays_open,
    threads::loops_with_handlers_do_not_leak_descriptors,
    threads::a_handler_needs_no_descriptor,
    forks::a_child_has_the_signal_actions_from_before_the_parents_handlers,
    forks::a_signal_to_a_child_does_not_wake_the_parent,
    forks::a_child_has_its_own_handlers,
    forks::a_child_that_drops_its_parents_loop_keeps_its_own_handlers,
    forks::ctrl_c_ends_a_child_made_during_a_run,
    forks::a_child_made_by_a_raw_system_call_still_receives_signals,
];
