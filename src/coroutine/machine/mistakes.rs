//! [`machine!`](crate::machine): what it says about mistakes in a declaration.
//!
//! The compiler shows such a message at the whole declaration, so each names the state, and what to write instead.

#[doc(hidden)]
#[macro_export]
macro_rules! __machine_mistake {
    (declaration) => {
        compile_error!("expected `machine!(impl Machine for Type { type State = Name; .. });`, in parentheses");
    };
    (generics) => {
        compile_error!("expected `machine!(impl<..> Machine for Type<..> { type State = Name; .. });`");
    };
    (no_enum) => {
        compile_error!("expected `type State = Name;` before the states: the name of the enum of the states");
    };
    (parameters_of_enum) => {
        compile_error!(
            "expected `type State<..> = Name<..>;`, with the parameters of the enum on both sides, or `type State = Name<..>;`"
        );
    };
    (parameter_of_state $s:ident $p:ident $name:tt) => {
        compile_error!(concat!(
            "the data of state `", stringify!($s), "` use `", stringify!($name), "`, so the enum of the states needs it too: \
             write `type State = ", stringify!($p), "<", stringify!($name), ">;`, with all parameters that data use, and \
             what the enum requires of them in `type State<..> = ", stringify!($p), "<..>;`"
        ));
    };
    (late_type) => {
        compile_error!(
            "expected a state. `type State`, `type Yield`, `type Input` and `type Return` stand before the states, each \
             once, and a machine has no other types"
        );
    };
    (no_state) => {
        compile_error!("a machine needs a state: `fn Name(&mut self, sent: Sent) -> Next<.., End> { .. }`");
    };
    (not_a_state) => {
        compile_error!(
            "expected a state, `fn Name(&mut self, sent: Sent) -> Next<Other, End> { .. }`, a helper function, or a constant"
        );
    };
    (visible $s:ident) => {
        compile_error!(concat!(
            "state `", stringify!($s), "` is as visible as the enum of the states: write `fn ", stringify!($s),
            "(..)` without `pub`, and `pub type State = Name;`"
        ));
    };
    (asynchronous $s:ident) => {
        compile_error!(concat!(
            "`", stringify!($s), "` is not `async`: a state takes `sent: Sent`, and suspends by \
             `yield_from!(child, sent)` where an `async fn` would `.await`"
        ));
    };
    (no_next $s:ident) => {
        compile_error!(concat!(
            "state `", stringify!($s), "` does not say what may follow it: write `fn ", stringify!($s),
            "(..) -> Next<Other, End> { .. }`, with the states that it goes to, and `End` if it ends the machine"
        ));
    };
    (list $s:ident) => {
        compile_error!(concat!(
            "state `", stringify!($s), "` lists what may follow it by names, without paths and data: `Next<Other, End>`"
        ));
    };
    (parameters $s:ident) => {
        compile_error!(concat!(
            "state `", stringify!($s), "` takes one of these, and its data behind: `(&mut self, sent: Sent)` to suspend by \
             itself, `(&mut self, outcome: Outcome<Child>)` to wait for a child, `(&mut self)` to go on at once"
        ));
    };
    (sent_has_no_parameters $s:ident) => {
        compile_error!(concat!(
            "state `", stringify!($s), "` takes `sent: Sent`, without parameters: `type Input` says what the machine is sent"
        ));
    };
    (sent_and_outcome $s:ident) => {
        compile_error!(concat!(
            "state `", stringify!($s), "` takes either `sent: Sent`, to suspend by itself, or `outcome: Outcome<Child>`, to \
             wait for a child, and not both"
        ));
    };
    (data_by_value $s:ident) => {
        compile_error!(concat!(
            "state `", stringify!($s), "` takes `sent`, so it can suspend, and its data stay in the state: \
             write them as `name: &mut Type`"
        ));
    };
    (data_by_reference $s:ident) => {
        compile_error!(concat!(
            "state `", stringify!($s), "` goes on at once, so it gets its data by value: write them as `name: Type`, \
             or take `sent: Sent` first to keep them in the state"
        ));
    };
    (end_is_no_state) => {
        compile_error!("`End` is the end of a machine, in a list `Next<..>`, so no state can be called `End`");
    };
    (data) => {
        compile_error!(
            "the data of a state are `name: Type`, and its attributes are docs, `cfg`, and the levels of lints"
        );
    };
    (thrown) => {
        compile_error!(
            "expected `fn thrown(&mut self, state: &mut Name, thrown: Exception) -> Next<..> { .. }`, once, or with a `cfg` each"
        );
    };
    (raised) => {
        compile_error!(
            "expected `fn raised(&mut self, raised: Exception) -> Next<..> { .. }`, once, or with a `cfg` each"
        );
    };
    (finally) => {
        compile_error!(
            "expected `fn finally(&mut self, sent: Sent) -> Done { .. }`, once, or with a `cfg` each"
        );
    };
}
