//! [`machine!`](crate::machine): the parameters of a machine that the data of its states use.
//!
//! The enum of the states is a type of its own, so it has parameters of its own: `type State = Name<S>;`. This file declares
//! them, and says what to write if they are missing.
//!
//! A pattern cannot compare two names. So the names of a machine's parameters become literal words in a macro that is made
//! for that machine. The `$` of that macro arrives as `$d`.

#[doc(hidden)]
#[macro_export]
macro_rules! __machine_parameters {
    // Declares the parameters of the enum, of which some are constants of the machine: `N` becomes `const N: usize`.
    (@declare ($d:tt) [$({$name:ident $t:ident})+] $lt:tt [$($pg:ident)*] {$($then:tt)*} {$($s:tt)*} {$($rest:tt)*}) => {
        #[allow(unused_macro_rules)]
        macro_rules! __declare {
            $(([$d($d done:tt)*] $name $d($d next:ident)*) => {
                __declare!([$d($d done)* const $name: $t,] $d($d next)*);
            };)+
            ([$d($d done:tt)*] $d other:ident $d($d next:ident)*) => {
                __declare!([$d($d done)* $d other,] $d($d next)*);
            };
            ($d done:tt) => { $crate::__machine!($($then)* {$($s)* $d done} $($rest)*); };
        }
        __declare!($lt $($pg)*);
    };

    // Finds the parameters that the data of states use, although the enum has none. Each step takes a token. A macro may
    // not take too many, so what stands behind the first forty of a state is left to the compiler, whose message does not
    // say what to write.
    (@check ($d:tt) $p:ident [$($name:tt)+] [$({$a:tt $s:ident $self:ident $data:tt $to:tt $body:tt})*]) => {
        #[allow(unused_macro_rules)]
        macro_rules! __check {
            ($d steps:tt $d s:tt) => {};
            ([] $d($d any:tt)*) => {};
            // A name behind a path, or of an associated type, is not the parameter.
            ([$d step:tt $d($d steps:tt)*] $d s:tt :: $d path:ident $d($d next:tt)*) => {
                __check!([$d($d steps)*] $d s $d($d next)*);
            };
            ([$d step:tt $d($d steps:tt)*] $d s:tt $d associated:ident = $d($d next:tt)*) => {
                __check!([$d($d steps)*] $d s $d($d next)*);
            };
            $(($d steps:tt $d s:tt $name $d($d next:tt)*) => {
                $crate::__machine_parameters!(@mistake $d s $p $name);
            };)+
            ([$d step:tt $d($d steps:tt)*] $d s:tt ($d($d inner:tt)*) $d($d next:tt)*) => {
                __check!([$d($d steps)*] $d s $d($d inner)*);
                __check!([$d($d steps)*] $d s $d($d next)*);
            };
            ([$d step:tt $d($d steps:tt)*] $d s:tt [$d($d inner:tt)*] $d($d next:tt)*) => {
                __check!([$d($d steps)*] $d s $d($d inner)*);
                __check!([$d($d steps)*] $d s $d($d next)*);
            };
            ([$d step:tt $d($d steps:tt)*] $d s:tt $d other:tt $d($d next:tt)*) => {
                __check!([$d($d steps)*] $d s $d($d next)*);
            };
        }
        $(__check!([. . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . .] {$a $s} $data);)*
    };
    // A state may depend on the configuration.
    (@mistake {[$($a:tt)*] $s:ident} $p:ident $name:tt) => {
        $($a)* $crate::__machine_mistake!(parameter_of_state $s $p $name);
    };
}
