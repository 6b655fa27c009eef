//! [`Watch`]: what a machine tells of a resume, for tests and diagrams.

/// Is told which states a machine enters.
pub trait Watch {
    /// The machine tells of all states that it enters in this resume.
    fn begin(&mut self);

    /// The machine has entered a state.
    fn enter(&mut self, state: &'static str, entrance: Entrance);
}

/// How a state was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// The state before went there.
    Itself,
    /// The hook `thrown` went there.
    Thrown,
    /// The hook `raised` went there, or the machine has raised and cleans up.
    Raised,
}

/// Watches nothing.
impl Watch for () {
    fn begin(&mut self) {}

    fn enter(&mut self, _state: &'static str, _entrance: Entrance) {}
}
