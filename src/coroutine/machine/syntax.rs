//! [`machine!`](crate::machine): reading what the programmer has written.
//!
//! ```text
//!  machine! -> @generics, @for, @where -> @types -> @split ------------------------> @all in `expand.rs`
//!              impl<..> Machine for ..    type ..;   items, four at a time    \          ^
//!                                                                              v         |
//!                                                       @walk, where a state is unusual or wrong
//! ```
//!
//! A macro may expand to itself 128 times. So that a machine may have a hundred states, they are not read one by one:
//! `@split` takes four at a time, and what it leaves of each is told apart by `@all` in one step, by its first parameter:
//!
//! ```text
//! {[attributes] Name self [Sent sent [, data: &mut Type, ..]] [targets] {body}}          suspends by itself
//! {[attributes] Name self [Outcome child [<Child>, data: Type, ..]] [targets] {body}}    waits for a child
//! {[attributes] Name self [] [targets] {body}}                                           goes on at once
//! {[attributes] Name self [@moved [data: Type, ..]] [targets] {body}}                    goes on at once, with data
//! ```
//!
//! A pattern cannot express "any type but `Sent`". So states of the last form, and hooks, are found by `@walk`, which also
//! finds mistakes.

/// Declares a machine: its states, what each keeps, and what may follow it.
///
/// The declaration is plain Rust in parentheses, so rustfmt formats it and editors understand it. The type itself stays an
/// ordinary struct outside. It holds what all states share, and is `self` in each of them.
///
/// ```
/// # #[cfg(feature = "net")]
/// # mod example {
/// use innermost::{Buffer, ByteStream, machine, yield_from};
///
/// struct Echo<S> {
///     stream: S,
///     buffer: Buffer, // what was read and is not written yet
/// }
///
/// machine!(
///     impl<S: ByteStream> Machine for Echo<S> {
///         type State = Phase;
///
///         /// Waits for bytes.
///         fn Reading(&mut self, sent: Sent) -> Next<Writing, End> {
///             match yield_from!(self.stream.read(&mut self.buffer), sent)? {
///                 0 => end(()),
///                 _ => to(Writing),
///             }
///         }
///
///         fn Writing(&mut self, sent: Sent) -> Next<Reading> {
///             yield_from!(self.stream.write_all(&mut self.buffer), sent)?;
///             to(Reading)
///         }
///     }
/// );
/// # }
/// ```
///
/// `Echo { stream, buffer }.start(Phase::Reading)` is the coroutine, a [`Running`](crate::Running).
///
/// # Types
///
/// `type State = Name;` names the enum of the states, which the macro declares. It may derive traits, and have the lifetimes
/// and type parameters that the states' data need: `pub type State = Phase<'a, C>;`, or with bounds and constants, `pub type
/// State<C: Coroutine, const N: usize> = Phase<C, N>;`. It must be at least as visible as the machine's type.
///
/// `type Yield`, `type Input` and `type Return` are [`Await`](crate::Await), `()` and `()` if they are left out. All types
/// stand before the states, in any order.
///
/// # States
///
/// A state is a function. Its parameters say what it keeps, and how it is run:
///
/// | parameters | the state |
/// |---|---|
/// | `&mut self, sent: Sent` | suspends by itself: it may contain [`yield_from!`](crate::yield_from) |
/// | `&mut self, sent: Sent, x: &mut T, ..` | also keeps data, which stay in their place |
/// | `&mut self, outcome: Outcome<Child>, x: T, ..` | waits for a child that it keeps, then gets its outcome, and its other data by value |
/// | `&mut self, x: T, ..` | goes on at once, with its data by value |
///
/// A handler returns what is to be done next:
///
/// | | |
/// |---|---|
/// | `to(State)`, `to(State(data, ..))` | goes on in that state at once |
/// | `yield_to(value, State)` | yields, and goes on in that state when it is resumed |
/// | `yield_here(value)` | yields, and runs this state again when it is resumed |
/// | `stay()` | runs this state again at once |
/// | `end(value)` | ends the machine |
/// | `Err(exception)`, `?` | raises |
///
/// `Next<A, B, End>` lists the states that may follow, and `End` if the machine may end. Going elsewhere does not compile.
/// `yield_here` and `stay` need no entry, but the state must still be there: it takes `sent` and its data by reference.
///
/// The macro brings these names along, with `Sent`, `Next` and `Outcome`: nothing need be imported for them. A state
/// that waits for a child is entered with it: `to(Pausing(sleep(delay)))` enters `fn Pausing(&mut self, slept:
/// Outcome<Sleep>)`. The outcome is what the child has returned or raised, a `CancelledError` too.
///
#[cfg_attr(feature = "full", doc = "```")]
#[cfg_attr(not(feature = "full"), doc = "```ignore")]
/// use innermost::{Exception, Machine, Sleep, machine, run, sleep};
/// use std::time::Duration;
///
/// struct Counter(u32);
///
/// machine!(
///     impl Machine for Counter {
///         type State = Counting;
///         type Return = u32;
///
///         fn Adding(&mut self) -> Next<Pausing, End> {
///             self.0 += 1;
///             if self.0 == 3 { end(self.0) } else { to(Pausing(sleep(Duration::from_millis(1)))) }
///         }
///
///         fn Pausing(&mut self, slept: Outcome<Sleep>) -> Next<Adding> {
///             slept?;
///             to(Adding)
///         }
///     }
/// );
///
/// assert_eq!(run(Counter(0).start(Counting::Adding))?, 3);
/// # Ok::<(), Exception>(())
/// ```
///
/// Where an exception that is thrown in is raised depends on the state:
///
/// - A state with a child gets it as the child's outcome, unless the child catches it.
/// - A state without `sent` raises it before its body runs.
/// - A state with `sent` raises it where it uses `sent`. If the body ignores `sent`, and then yields or ends the machine, the
///   exception is raised instead. If it goes on by `to` or `stay`, the next state gets the exception.
///
/// # Hooks
///
/// Three functions with fixed names concern all states. Each is optional.
///
/// - `fn thrown(&mut self, state: &mut Phase, thrown: Exception) -> Next<..>` sees what is thrown in before the state
///   does, for example to stop in good order from anywhere. `Err(exception)` throws that into the state. A task that is
///   cancelled has cancelled what it waits for as well: to stay in a state, give it a new child through `state`, and return
///   `stay()`.
/// - `fn raised(&mut self, raised: Exception) -> Next<..>` sees what a state raises, also what was thrown in and not
///   caught. `Err(exception)` ends the machine with it.
/// - `fn finally(&mut self, sent: Sent) -> Done { .. }` runs when the machine ends, in whichever way, and may await. Its
///   body returns `Ok(())`, and what it raises replaces the machine's outcome.
///
/// Closing the machine (see [`Generator::close`](crate::Generator::close)) raises `GeneratorExit` in the state, after its
/// child has been closed. Of the hooks, only `finally` runs. Neither the state nor `finally` may yield then, so a state that
/// matches `Err(_)` passes on an exception for which `is_generator_exit` returns `true`. Dropping the machine runs no code
/// but destructors.
///
/// ```
/// use innermost::{Exception, Generator, Kind, Machine, Stop, machine, take_sent};
///
/// struct Counter {
///     log: Vec<&'static str>,
/// }
///
/// machine!(
///     impl Machine for Counter {
///         type Yield = u32;
///         type Return = Vec<&'static str>;
///         type State = Counting;
///
///         fn Up(&mut self, sent: Sent, number: &mut u32) -> Next {
///             take_sent(sent)?;
///             *number += 1;
///             yield_here(*number)
///         }
///
///         fn Stopping(&mut self) -> Next<End> {
///             end(self.log.clone())
///         }
///
///         fn thrown(&mut self, _state: &mut Counting, thrown: Exception) -> Next<Stopping> {
///             self.log.push("told to stop");
///             if thrown.kind() == Kind::CancelledError { to(Stopping) } else { Err(thrown) }
///         }
///     }
/// );
///
/// let mut counter = Generator::new(Counter { log: vec![] }.start(Counting::Up(0)));
/// assert_eq!((counter.next()?, counter.next()?), (1, 2));
/// assert!(matches!(counter.throw(Exception::cancelled()), Err(Stop::Returned(log)) if log == ["told to stop"]));
/// # Ok::<(), Stop<Vec<&'static str>>>(())
/// ```
///
/// # What else may stand in it
///
/// Other functions and constants are the type's own: helpers for the states. A state may have documentation, `#[cfg]`, and
/// `#[allow]` or `#[expect]`. Names of states live apart from names of types, so a state may be called like a type, also
/// one that it keeps.
#[macro_export]
macro_rules! machine {
    ($(#$meta:tt)* impl<$($rest:tt)*) => { $crate::__machine!(@generics [$(#$meta)*] [] $($rest)*); };
    ($(#$meta:tt)* impl Machine for $($rest:tt)*) => { $crate::__machine!(@for [$(#$meta)*] [] $($rest)*); };
    ($($rest:tt)*) => {
        $crate::__machine_mistake!(declaration);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __machine {
    // Everything up to `> Machine for`.
    (@generics $meta:tt [$($g:tt)*] > Machine for $($rest:tt)*) => {
        $crate::__machine!(@for $meta [$($g)*] $($rest)*);
    };
    (@generics $meta:tt [$($g:tt)*] >> Machine for $($rest:tt)*) => {
        $crate::__machine!(@for $meta [$($g)* >] $($rest)*);
    };
    (@generics $meta:tt [$($g:tt)*] $next:tt $($rest:tt)*) => {
        $crate::__machine!(@generics $meta [$($g)* $next] $($rest)*);
    };
    (@generics $meta:tt $g:tt) => { $crate::__machine_mistake!(generics); };
    (@for $meta:tt $g:tt $machine:ty where $($rest:tt)*) => {
        $crate::__machine!(@where $meta $g {$machine} [] $($rest)*);
    };
    (@for $meta:tt $g:tt $machine:ty {$($items:tt)*}) => {
        $crate::__machine!(@types {$meta $g {$machine} []}
            {<() as $crate::coroutine::machine::parts::Defaults>::Yield} {()} {()} {} $($items)*);
    };
    (@where $meta:tt $g:tt $machine:tt [$($w:tt)*] {$($items:tt)*}) => {
        $crate::__machine!(@types {$meta $g $machine [$($w)*]}
            {<() as $crate::coroutine::machine::parts::Defaults>::Yield} {()} {()} {} $($items)*);
    };
    (@where $meta:tt $g:tt $machine:tt [$($w:tt)*] $next:tt $($rest:tt)*) => {
        $crate::__machine!(@where $meta $g $machine [$($w)* $next] $($rest)*);
    };

    // The associated types, in any order.
    (@types $h:tt $y:tt $i:tt $r:tt $s:tt type Yield = $new:ty; $($rest:tt)*) => {
        $crate::__machine!(@types $h {$new} $i $r $s $($rest)*);
    };
    (@types $h:tt $y:tt $i:tt $r:tt $s:tt type Input = $new:ty; $($rest:tt)*) => {
        $crate::__machine!(@types $h $y {$new} $r $s $($rest)*);
    };
    (@types $h:tt $y:tt $i:tt $r:tt $s:tt type Return = $new:ty; $($rest:tt)*) => {
        $crate::__machine!(@types $h $y $i {$new} $s $($rest)*);
    };
    (@types $h:tt $y:tt $i:tt $r:tt {} $(#$attribute:tt)* $vis:vis type State = $p:ident; $($rest:tt)*) => {
        $crate::__machine!(@types $h $y $i $r {{$(#$attribute)* $vis} $p [] [] []} $($rest)*);
    };
    (@types $h:tt $y:tt $i:tt $r:tt {} $(#$attribute:tt)* $vis:vis type State = $p:ident<$($lt:lifetime),* $(,)?
        $($pg:ident),* $(,)?>; $($rest:tt)*) => {
        $crate::__machine!(@types $h $y $i $r
            {{$(#$attribute)* $vis} $p [$($lt),*] [$($pg),*] [$($lt,)* $($pg,)*]} $($rest)*);
    };
    (@types $h:tt $y:tt $i:tt $r:tt {} $(#$attribute:tt)* $vis:vis type State<$($rest:tt)*) => {
        $crate::__machine!(@state $h $y $i $r {$(#$attribute)* $vis} [] $($rest)*);
    };
    (@types $h:tt $y:tt $i:tt $r:tt {$($s:tt)+} $($rest:tt)*) => {
        $crate::__machine!(@split {$h $y $i $r {$($s)+}} [] {} [] $($rest)*);
    };
    (@types $h:tt $y:tt $i:tt $r:tt {} $($rest:tt)*) => { $crate::__machine_mistake!(no_enum); };

    // The parameters of the enum, where they are declared: `type State<C: Coroutine> = Name<C>;`.
    (@state $h:tt $y:tt $i:tt $r:tt $head:tt [$($g:tt)*] > = $p:ident<$($lt:lifetime),* $(,)? $($pg:ident),* $(,)?>;
        $($rest:tt)*) => {
        $crate::__machine!(@types $h $y $i $r {$head $p [$($lt),*] [$($pg),*] [$($g)*]} $($rest)*);
    };
    (@state $h:tt $y:tt $i:tt $r:tt $head:tt [$($g:tt)*] >> = $($rest:tt)*) => {
        $crate::__machine!(@state $h $y $i $r $head [$($g)* >] > = $($rest)*);
    };
    (@state $h:tt $y:tt $i:tt $r:tt $head:tt [$($g:tt)*] $next:tt $($rest:tt)*) => {
        $crate::__machine!(@state $h $y $i $r $head [$($g)* $next] $($rest)*);
    };
    (@state $h:tt $y:tt $i:tt $r:tt $head:tt $g:tt) => { $crate::__machine_mistake!(parameters_of_enum); };

    // The states, four at a time.
    (@split $h:tt [$($states:tt)*] $f:tt $helpers:tt
        $(#$a1:tt)* fn $s1:ident(&mut $self1:ident $(, $n1:ident: $first1:tt $($more1:tt)*)?)
            -> Next $(<$($to1:ident),* $(,)?>)? $body1:block
        $(#$a2:tt)* fn $s2:ident(&mut $self2:ident $(, $n2:ident: $first2:tt $($more2:tt)*)?)
            -> Next $(<$($to2:ident),* $(,)?>)? $body2:block
        $(#$a3:tt)* fn $s3:ident(&mut $self3:ident $(, $n3:ident: $first3:tt $($more3:tt)*)?)
            -> Next $(<$($to3:ident),* $(,)?>)? $body3:block
        $(#$a4:tt)* fn $s4:ident(&mut $self4:ident $(, $n4:ident: $first4:tt $($more4:tt)*)?)
            -> Next $(<$($to4:ident),* $(,)?>)? $body4:block
        $($rest:tt)*
    ) => {
        $crate::__machine!(@split $h [$($states)*
            {[$(#$a1)*] $s1 $self1 [$($first1 $n1 [$($more1)*])?] [$($($to1)*)?] $body1}
            {[$(#$a2)*] $s2 $self2 [$($first2 $n2 [$($more2)*])?] [$($($to2)*)?] $body2}
            {[$(#$a3)*] $s3 $self3 [$($first3 $n3 [$($more3)*])?] [$($($to3)*)?] $body3}
            {[$(#$a4)*] $s4 $self4 [$($first4 $n4 [$($more4)*])?] [$($($to4)*)?] $body4}
        ] $f $helpers $($rest)*);
    };
    (@split $h:tt [$($states:tt)*] $f:tt $helpers:tt
        $(#$a1:tt)* fn $s1:ident(&mut $self1:ident $(, $n1:ident: $first1:tt $($more1:tt)*)?)
            -> Next $(<$($to1:ident),* $(,)?>)? $body1:block
        $($rest:tt)*
    ) => {
        $crate::__machine!(@split $h [$($states)*
            {[$(#$a1)*] $s1 $self1 [$($first1 $n1 [$($more1)*])?] [$($($to1)*)?] $body1}
        ] $f $helpers $($rest)*);
    };
    (@split $h:tt $states:tt $f:tt $helpers:tt
        $(#$a:tt)* fn $s:ident(&mut $self:ident, mut $n:ident: $($more:tt)*) -> Next $($rest:tt)*
    ) => {
        $crate::__machine!(@split $h $states $f $helpers $(#$a)* fn $s(&mut $self, $n: $($more)*) -> Next $($rest)*);
    };
    (@split $h:tt $states:tt {} $helpers:tt
        $(#$a:tt)* fn finally(&mut $self:ident, $sent:ident: Sent $(,)?) -> Done $body:block $($rest:tt)*
    ) => {
        $crate::__machine!(@split $h $states {[$(#$a)*] $self $sent $body} $helpers $($rest)*);
    };
    (@split $h:tt $states:tt $f:tt $helpers:tt $(#$a:tt)* fn finally $($rest:tt)*) => {
        $crate::__machine_mistake!(finally);
    };
    // What takes the parameters of a state, or returns what a state returns, is meant to be one.
    (@split $h:tt $states:tt $f:tt $helpers:tt
        $(#$a:tt)* fn $s:ident(&mut $self:ident, $n:ident: Sent $($more:tt)*) $($rest:tt)*
    ) => {
        $crate::__machine_mistake!(no_next $s);
    };
    (@split $h:tt $states:tt $f:tt $helpers:tt
        $(#$a:tt)* fn $s:ident(&mut $self:ident, $n:ident: Outcome $($more:tt)*) $($rest:tt)*
    ) => {
        $crate::__machine_mistake!(no_next $s);
    };
    (@split $h:tt $states:tt $f:tt $helpers:tt $(#$a:tt)* fn $s:ident $parameters:tt -> Next $($rest:tt)*) => {
        $crate::__machine_mistake!(parameters $s);
    };
    (@split $h:tt $states:tt $f:tt $helpers:tt $(#$a:tt)* $vis:vis fn $s:ident $parameters:tt -> Next $($rest:tt)*) => {
        $crate::__machine_mistake!(visible $s);
    };
    (@split $h:tt $states:tt $f:tt $helpers:tt $(#$a:tt)* $vis:vis async fn $s:ident $($rest:tt)*) => {
        $crate::__machine_mistake!(asynchronous $s);
    };
    (@split $h:tt $states:tt $f:tt $helpers:tt $(#$a:tt)* $vis:vis type $($rest:tt)*) => {
        $crate::__machine_mistake!(late_type);
    };
    // Anything else is a helper.
    (@split $h:tt $states:tt $f:tt $helpers:tt $(#$a:tt)* $vis:vis fn $($rest:tt)*) => {
        $crate::__machine!(@helper $h $states $f $helpers $(#$a)* $vis fn $($rest)*);
    };
    (@split $h:tt $states:tt $f:tt $helpers:tt $(#$a:tt)* $vis:vis const $($rest:tt)*) => {
        $crate::__machine!(@helper $h $states $f $helpers $(#$a)* $vis const $($rest)*);
    };
    (@split $h:tt [] $f:tt $helpers:tt) => { $crate::__machine_mistake!(no_state); };
    (@split $h:tt $states:tt $f:tt $helpers:tt) => {
        $crate::__machine_out!(@all raw $h $h $states {} {} $f $helpers);
    };
    (@split $h:tt $states:tt $f:tt $helpers:tt $($rest:tt)*) => { $crate::__machine_mistake!(not_a_state); };
    (@helper $h:tt $states:tt $f:tt [$($helpers:tt)*] $helper:item $($rest:tt)*) => {
        $crate::__machine!(@split $h $states $f [$($helpers)* $helper] $($rest)*);
    };

    // Finds hooks, states that go on at once with data, and mistakes.
    (@walk $h:tt [$($done:tt)*] $t:tt $r:tt $f:tt $helpers:tt
        {$a1:tt $s1:ident $self1:ident
            [$(Sent $n1:ident [$(, $x1:ident: &mut $xt1:ty)* $(,)?])?
            $(Outcome $c1:ident [<$ct1:ty> $(, $y1:ident: $yt1:ty)* $(,)?])?]
            $to1:tt $body1:tt}
        {$a2:tt $s2:ident $self2:ident
            [$(Sent $n2:ident [$(, $x2:ident: &mut $xt2:ty)* $(,)?])?
            $(Outcome $c2:ident [<$ct2:ty> $(, $y2:ident: $yt2:ty)* $(,)?])?]
            $to2:tt $body2:tt}
        {$a3:tt $s3:ident $self3:ident
            [$(Sent $n3:ident [$(, $x3:ident: &mut $xt3:ty)* $(,)?])?
            $(Outcome $c3:ident [<$ct3:ty> $(, $y3:ident: $yt3:ty)* $(,)?])?]
            $to3:tt $body3:tt}
        {$a4:tt $s4:ident $self4:ident
            [$(Sent $n4:ident [$(, $x4:ident: &mut $xt4:ty)* $(,)?])?
            $(Outcome $c4:ident [<$ct4:ty> $(, $y4:ident: $yt4:ty)* $(,)?])?]
            $to4:tt $body4:tt}
        $($rest:tt)*
    ) => {
        $crate::__machine!(@walk $h [$($done)*
            {$a1 $s1 $self1
            [$(Sent $n1 [$(, $x1: &mut $xt1)*])? $(Outcome $c1 [<$ct1> $(, $y1: $yt1)*])?]
            $to1 $body1}
            {$a2 $s2 $self2
            [$(Sent $n2 [$(, $x2: &mut $xt2)*])? $(Outcome $c2 [<$ct2> $(, $y2: $yt2)*])?]
            $to2 $body2}
            {$a3 $s3 $self3
            [$(Sent $n3 [$(, $x3: &mut $xt3)*])? $(Outcome $c3 [<$ct3> $(, $y3: $yt3)*])?]
            $to3 $body3}
            {$a4 $s4 $self4
            [$(Sent $n4 [$(, $x4: &mut $xt4)*])? $(Outcome $c4 [<$ct4> $(, $y4: $yt4)*])?]
            $to4 $body4}
        ] $t $r $f $helpers $($rest)*);
    };
    (@walk $h:tt [$($done:tt)*] $t:tt $r:tt $f:tt $helpers:tt
        {$a1:tt $s1:ident $self1:ident
            [$(Sent $n1:ident [$(, $x1:ident: &mut $xt1:ty)* $(,)?])?
            $(Outcome $c1:ident [<$ct1:ty> $(, $y1:ident: $yt1:ty)* $(,)?])?]
            $to1:tt $body1:tt}
        $($rest:tt)*
    ) => {
        $crate::__machine!(@walk $h [$($done)*
            {$a1 $s1 $self1
            [$(Sent $n1 [$(, $x1: &mut $xt1)*])? $(Outcome $c1 [<$ct1> $(, $y1: $yt1)*])?]
            $to1 $body1}
        ] $t $r $f $helpers $($rest)*);
    };
    (@walk $h:tt $done:tt {} $r:tt $f:tt $helpers:tt
        {$a:tt thrown $self:ident [& $at:ident [mut $att:ty, $e:ident: $et:ty $(,)?]] $to:tt $body:tt} $($rest:tt)*
    ) => {
        $crate::__machine!(@walk $h $done {$a $self $at {$att} $e {$et} $to $body} $r $f $helpers $($rest)*);
    };
    (@walk $h:tt $done:tt $t:tt $r:tt $f:tt $helpers:tt {$a:tt thrown $($any:tt)*} $($rest:tt)*) => {
        $crate::__machine_mistake!(thrown);
    };
    (@walk $h:tt $done:tt $t:tt {} $f:tt $helpers:tt
        {$a:tt raised $self:ident [$first:tt $e:ident [$($more:tt)*]] $to:tt $body:tt} $($rest:tt)*
    ) => {
        $crate::__machine!(@walk $h $done $t {$a $self $e {$first $($more)*} $to $body} $f $helpers $($rest)*);
    };
    (@walk $h:tt $done:tt $t:tt $r:tt $f:tt $helpers:tt {$a:tt raised $($any:tt)*} $($rest:tt)*) => {
        $crate::__machine_mistake!(raised);
    };
    (@walk $h:tt $done:tt $t:tt $r:tt $f:tt $helpers:tt
        {$a:tt $s:ident $self:ident [Sent $n:ident [< $($any:tt)*]] $($more:tt)*} $($rest:tt)*
    ) => {
        $crate::__machine_mistake!(sent_has_no_parameters $s);
    };
    (@walk $h:tt $done:tt $t:tt $r:tt $f:tt $helpers:tt
        {$a:tt $s:ident $self:ident [Sent $n:ident [, $c:ident: Outcome $($any:tt)*]] $($more:tt)*} $($rest:tt)*
    ) => {
        $crate::__machine_mistake!(sent_and_outcome $s);
    };
    (@walk $h:tt $done:tt $t:tt $r:tt $f:tt $helpers:tt {$a:tt $s:ident $self:ident [Sent $($any:tt)*] $($more:tt)*}
        $($rest:tt)*
    ) => {
        $crate::__machine_mistake!(data_by_value $s);
    };
    (@walk $h:tt [$($done:tt)*] $t:tt $r:tt $f:tt $helpers:tt
        {$a:tt $s:ident $self:ident [Outcome $c:ident [< $($more:tt)*]] $to:tt $body:tt} $($rest:tt)*
    ) => {
        $crate::__machine!(@walk $h [$($done)* {$a $s $self [Outcome $c [< $($more)*]] $to $body}] $t $r $f $helpers
            $($rest)*);
    };
    (@walk $h:tt $done:tt $t:tt $r:tt $f:tt $helpers:tt {$a:tt $s:ident $self:ident [& $($any:tt)*] $($more:tt)*}
        $($rest:tt)*
    ) => {
        $crate::__machine_mistake!(data_by_reference $s);
    };
    (@walk $h:tt [$($done:tt)*] $t:tt $r:tt $f:tt $helpers:tt
        {$a:tt $s:ident $self:ident [$first:tt $n:ident [$($more:tt)*]] $to:tt $body:tt} $($rest:tt)*
    ) => {
        $crate::__machine!(@walk $h [$($done)* {$a $s $self [@moved [$n: $first $($more)*]] $to $body}] $t $r $f $helpers
            $($rest)*);
    };
    (@walk $h:tt [] $t:tt $r:tt $f:tt $helpers:tt) => { $crate::__machine_mistake!(no_state); };
    (@walk $h:tt $states:tt $t:tt $r:tt $f:tt $helpers:tt) => {
        $crate::__machine_out!(@all walked $h $h $states $t $r $f $helpers);
    };

    // The data may be declared `mut`. Their names always are in the expansion, so this takes the word out.
    (@unmut $h:tt $done:tt $t:tt $r:tt $f:tt $helpers:tt
        {$a:tt $s:ident $self:ident [Outcome $c:ident [<$ct:ty> $(, $($data:tt)*)?]] $to:tt $body:tt} $($rest:tt)*
    ) => {
        $crate::__machine!(@unmut_one $h $done $t $r $f $helpers {$a $s $self [Outcome $c] $to $body}
            [<$ct>] [$(, $($data)*)?] $($rest)*);
    };
    (@unmut $h:tt $done:tt $t:tt $r:tt $f:tt $helpers:tt
        {$a:tt $s:ident $self:ident [@moved [$n:ident: $nt:ty $(, $($data:tt)*)?]] $to:tt $body:tt} $($rest:tt)*
    ) => {
        $crate::__machine!(@unmut_one $h $done $t $r $f $helpers {$a $s $self [@moved] $to $body}
            [$n: $nt] [$(, $($data)*)?] $($rest)*);
    };
    (@unmut $h:tt [$($done:tt)*] $t:tt $r:tt $f:tt $helpers:tt {$($state:tt)*} $($rest:tt)*) => {
        $crate::__machine!(@unmut $h [$($done)* {$($state)*}] $t $r $f $helpers $($rest)*);
    };
    (@unmut $h:tt $states:tt $t:tt $r:tt $f:tt $helpers:tt) => {
        $crate::__machine_out!(@all unmut $h $h $states $t $r $f $helpers);
    };
    (@unmut_one $h:tt $done:tt $t:tt $r:tt $f:tt $helpers:tt $state:tt [$($data:tt)*]
        [, mut $x:ident: $xt:ty $(, $($more:tt)*)?] $($rest:tt)*
    ) => {
        $crate::__machine!(@unmut_one $h $done $t $r $f $helpers $state [$($data)*, $x: $xt] [$(, $($more)*)?] $($rest)*);
    };
    (@unmut_one $h:tt $done:tt $t:tt $r:tt $f:tt $helpers:tt $state:tt [$($data:tt)*]
        [, $x:ident: $xt:ty $(, $($more:tt)*)?] $($rest:tt)*
    ) => {
        $crate::__machine!(@unmut_one $h $done $t $r $f $helpers $state [$($data)*, $x: $xt] [$(, $($more)*)?] $($rest)*);
    };
    (@unmut_one $h:tt [$($done:tt)*] $t:tt $r:tt $f:tt $helpers:tt
        {$a:tt $s:ident $self:ident [$($kind:tt)+] $to:tt $body:tt} $data:tt [$(,)?] $($rest:tt)*
    ) => {
        $crate::__machine!(@unmut $h [$($done)* {$a $s $self [$($kind)+ $data] $to $body}] $t $r $f $helpers $($rest)*);
    };
    (@unmut_one $h:tt $done:tt $t:tt $r:tt $f:tt $helpers:tt {$a:tt $s:ident $($any:tt)*} $data:tt $more:tt $($rest:tt)*) => {
        $crate::__machine_mistake!(parameters $s);
    };
}
