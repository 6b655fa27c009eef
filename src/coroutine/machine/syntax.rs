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

#[doc(hidden)]
#[macro_export]
macro_rules! __machine {
    // Everything up to `> Machine for`, with the names of the parameters, and of the constants with their types. What stands
    // before `$($rest)*` is `+` where a parameter begins, and otherwise the angle brackets that are open.
    (@generics $meta:tt [$($g:tt)*] $n:tt $c:tt + > Machine for $($rest:tt)*) => {
        $crate::__machine!(@for $meta [$($g)*] {$n $c} $($rest)*);
    };
    (@generics $meta:tt [$($g:tt)*] [$($n:tt)*] $c:tt + $lt:lifetime $($rest:tt)*) => {
        $crate::__machine!(@generics $meta [$($g)* $lt] [$($n)* $lt] $c [] $($rest)*);
    };
    (@generics $meta:tt [$($g:tt)*] [$($n:tt)*] [$($c:tt)*] + const $name:ident: $t:ident, $($rest:tt)*) => {
        $crate::__machine!(@generics $meta [$($g)* const $name: $t,] [$($n)* $name] [$($c)* {$name $t}] + $($rest)*);
    };
    (@generics $meta:tt [$($g:tt)*] [$($n:tt)*] [$($c:tt)*] + const $name:ident: $t:ident> Machine for $($rest:tt)*) => {
        $crate::__machine!(@for $meta [$($g)* const $name: $t] {[$($n)* $name] [$($c)* {$name $t}]} $($rest)*);
    };
    (@generics $meta:tt [$($g:tt)*] [$($n:tt)*] $c:tt + const $name:ident $($rest:tt)*) => {
        $crate::__machine!(@generics $meta [$($g)* const $name] [$($n)* $name] $c [] $($rest)*);
    };
    (@generics $meta:tt [$($g:tt)*] [$($n:tt)*] $c:tt + $name:ident $($rest:tt)*) => {
        $crate::__machine!(@generics $meta [$($g)* $name] [$($n)* $name] $c [] $($rest)*);
    };
    (@generics $meta:tt [$($g:tt)*] $n:tt $c:tt + $next:tt $($rest:tt)*) => {
        $crate::__machine!(@generics $meta [$($g)* $next] $n $c + $($rest)*);
    };
    (@generics $meta:tt [$($g:tt)*] $n:tt $c:tt [] > Machine for $($rest:tt)*) => {
        $crate::__machine!(@for $meta [$($g)*] {$n $c} $($rest)*);
    };
    (@generics $meta:tt [$($g:tt)*] $n:tt $c:tt [<] >> Machine for $($rest:tt)*) => {
        $crate::__machine!(@for $meta [$($g)* >] {$n $c} $($rest)*);
    };
    (@generics $meta:tt [$($g:tt)*] $n:tt $c:tt [], $($rest:tt)*) => {
        $crate::__machine!(@generics $meta [$($g)*,] $n $c + $($rest)*);
    };
    (@generics $meta:tt [$($g:tt)*] $n:tt $c:tt [$($open:tt)*] < $($rest:tt)*) => {
        $crate::__machine!(@generics $meta [$($g)* <] $n $c [$($open)* <] $($rest)*);
    };
    (@generics $meta:tt [$($g:tt)*] $n:tt $c:tt [< $($open:tt)*] > $($rest:tt)*) => {
        $crate::__machine!(@generics $meta [$($g)* >] $n $c [$($open)*] $($rest)*);
    };
    (@generics $meta:tt [$($g:tt)*] $n:tt $c:tt [< < $($open:tt)*] >> $($rest:tt)*) => {
        $crate::__machine!(@generics $meta [$($g)* >>] $n $c [$($open)*] $($rest)*);
    };
    (@generics $meta:tt [$($g:tt)*] $n:tt $c:tt $open:tt $next:tt $($rest:tt)*) => {
        $crate::__machine!(@generics $meta [$($g)* $next] $n $c $open $($rest)*);
    };
    (@generics $($any:tt)*) => { $crate::__machine_mistake!(generics); };
    (@for $meta:tt $g:tt $names:tt $machine:ty where $($rest:tt)*) => {
        $crate::__machine!(@where $meta $g $names {$machine} [] $($rest)*);
    };
    (@for $meta:tt $g:tt $names:tt $machine:ty {$($items:tt)*}) => {
        $crate::__machine!(@types {$meta $g {$machine} [] $names}
            {<() as $crate::coroutine::machine::parts::Defaults>::Yield} {()} {()} {} $($items)*);
    };
    (@where $meta:tt $g:tt $names:tt $machine:tt [$($w:tt)*] {$($items:tt)*}) => {
        $crate::__machine!(@types {$meta $g $machine [$($w)*] $names}
            {<() as $crate::coroutine::machine::parts::Defaults>::Yield} {()} {()} {} $($items)*);
    };
    (@where $meta:tt $g:tt $names:tt $machine:tt [$($w:tt)*] $next:tt $($rest:tt)*) => {
        $crate::__machine!(@where $meta $g $names $machine [$($w)* $next] $($rest)*);
    };

    // The associated types, in any order.
    (@types $h:tt $y:tt $i:tt $r:tt $s:tt $(#[doc $($doc:tt)*])* type Yield = $new:ty; $($rest:tt)*) => {
        $crate::__machine!(@types $h {$new} $i $r $s $($rest)*);
    };
    (@types $h:tt $y:tt $i:tt $r:tt $s:tt $(#[doc $($doc:tt)*])* type Input = $new:ty; $($rest:tt)*) => {
        $crate::__machine!(@types $h $y {$new} $r $s $($rest)*);
    };
    (@types $h:tt $y:tt $i:tt $r:tt $s:tt $(#[doc $($doc:tt)*])* type Return = $new:ty; $($rest:tt)*) => {
        $crate::__machine!(@types $h $y $i {$new} $s $($rest)*);
    };
    (@types $h:tt $y:tt $i:tt $r:tt {} $(#$attribute:tt)* $vis:vis type State = $p:ident; $($rest:tt)*) => {
        $crate::__machine!(@types $h $y $i $r {{$(#$attribute)* $vis} $p [] [] [] []} $($rest)*);
    };
    (@types {$meta:tt $g:tt $machine:tt $w:tt {$n:tt []}} $y:tt $i:tt $r:tt {} $(#$attribute:tt)* $vis:vis
        type State = $p:ident<$($lt:lifetime),* $(,)? $($pg:ident),* $(,)?> $($rest:tt)*) => {
        $crate::__machine!(@bounds {$meta $g $machine $w {$n []}} $y $i $r
            {{$(#$attribute)* $vis} $p [$($lt),*] [$($pg),*] [$($lt,)* $($pg,)*]} $($rest)*);
    };
    (@types {$meta:tt $g:tt $machine:tt $w:tt {$n:tt $c:tt}} $y:tt $i:tt $r:tt {} $(#$attribute:tt)* $vis:vis
        type State = $p:ident<$($lt:lifetime),* $(,)? $($pg:ident),* $(,)?> $($rest:tt)*) => {
        $crate::__machine_parameters!(@declare ($) $c [$($lt,)*] [$($pg)*]
            {@bounds {$meta $g $machine $w {$n $c}} $y $i $r} {{$(#$attribute)* $vis} $p [$($lt),*] [$($pg),*]}
            {$($rest)*});
    };
    (@types $h:tt $y:tt $i:tt $r:tt {} $(#$attribute:tt)* $vis:vis type State = $p:ident<$($rest:tt)*) => {
        $crate::__machine_mistake!(parameters_of_enum);
    };
    (@types $h:tt $y:tt $i:tt $r:tt {} $(#$attribute:tt)* $vis:vis type State<$($rest:tt)*) => {
        $crate::__machine!(@state $h $y $i $r {$(#$attribute)* $vis} [] $($rest)*);
    };
    (@types $h:tt $y:tt $i:tt $r:tt {$($s:tt)+} $($rest:tt)*) => {
        $crate::__machine!(@split {$h $y $i $r {$($s)+}} [] {} [] $($rest)*);
    };
    (@types $h:tt $y:tt $i:tt $r:tt {} $($rest:tt)*) => { $crate::__machine_mistake!(no_enum); };

    // The parameters of the enum, where they are declared: `type State<C: Coroutine> = Name<C>`.
    (@state $h:tt $y:tt $i:tt $r:tt $head:tt [$($g:tt)*] > = $p:ident<$($lt:lifetime),* $(,)? $($pg:ident),* $(,)?>
        $($rest:tt)*) => {
        $crate::__machine!(@bounds $h $y $i $r {$head $p [$($lt),*] [$($pg),*] [$($g)*]} $($rest)*);
    };
    (@state $h:tt $y:tt $i:tt $r:tt $head:tt [$($g:tt)*] >> = $($rest:tt)*) => {
        $crate::__machine!(@state $h $y $i $r $head [$($g)* >] > = $($rest)*);
    };
    (@state $h:tt $y:tt $i:tt $r:tt $head:tt [$($g:tt)*] $next:tt $($rest:tt)*) => {
        $crate::__machine!(@state $h $y $i $r $head [$($g)* $next] $($rest)*);
    };
    (@state $h:tt $y:tt $i:tt $r:tt $head:tt $g:tt) => { $crate::__machine_mistake!(parameters_of_enum); };
    // What may follow them: a `where` clause.
    (@bounds $h:tt $y:tt $i:tt $r:tt {$($s:tt)*}; $($rest:tt)*) => {
        $crate::__machine!(@types $h $y $i $r {$($s)* []} $($rest)*);
    };
    (@bounds $h:tt $y:tt $i:tt $r:tt $s:tt where $($rest:tt)*) => {
        $crate::__machine!(@bounds_where $h $y $i $r $s [] $($rest)*);
    };
    (@bounds $($any:tt)*) => { $crate::__machine_mistake!(parameters_of_enum); };
    (@bounds_where $h:tt $y:tt $i:tt $r:tt {$($s:tt)*} $w:tt; $($rest:tt)*) => {
        $crate::__machine!(@types $h $y $i $r {$($s)* $w} $($rest)*);
    };
    (@bounds_where $h:tt $y:tt $i:tt $r:tt $s:tt [$($w:tt)*] $next:tt $($rest:tt)*) => {
        $crate::__machine!(@bounds_where $h $y $i $r $s [$($w)* $next] $($rest)*);
    };
    (@bounds_where $($any:tt)*) => { $crate::__machine_mistake!(parameters_of_enum); };

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
    (@split $h:tt $states:tt $f:tt $helpers:tt
        $(#$a:tt)* fn $s:ident(&mut $self:ident, _: $($more:tt)*) -> Next $($rest:tt)*
    ) => {
        $crate::__machine!(@split $h $states $f $helpers $(#$a)* fn $s(&mut $self, _ignored: $($more)*) -> Next $($rest)*);
    };
    (@split $h:tt $states:tt {$($f:tt)*} $helpers:tt
        $(#$a:tt)* fn finally(&mut $self:ident, $sent:ident: Sent $(,)?) -> Done $body:block $($rest:tt)*
    ) => {
        $crate::__machine!(@split $h $states {$($f)* {[$(#$a)*] $self $sent $body}} $helpers $($rest)*);
    };
    (@split $h:tt $states:tt $f:tt $helpers:tt $(#$a:tt)* fn finally $($rest:tt)*) => {
        $crate::__machine_mistake!(finally);
    };
    // What takes the parameters of a state, or returns what a state returns, is meant to be one.
    (@split $h:tt $states:tt $f:tt $helpers:tt
        $(#$a:tt)* fn $s:ident(&mut $self:ident $(, $n:ident: $($more:tt)*)?) -> Next < $($rest:tt)*
    ) => {
        $crate::__machine_mistake!(list $s);
    };
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
    // An enum without parameters, of a machine with parameters.
    (@split {{$meta:tt $g:tt $machine:tt $w:tt {[$($n:tt)+] $c:tt}} $y:tt $i:tt $r:tt {$head:tt $p:ident [] [] [] []}}
        $states:tt $f:tt $helpers:tt
    ) => {
        $crate::__machine_parameters!(@check ($) $p [$($n)+] $states);
        $crate::__machine!(@split {{$meta $g $machine $w {[] []}} $y $i $r {$head $p [] [] [] []}} $states $f $helpers);
    };
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
    (@walk $h:tt $done:tt {$($t:tt)*} $r:tt $f:tt $helpers:tt
        {$a:tt thrown $self:ident [& $at:ident [mut $att:ty, $e:ident: $et:ty $(,)?]] $to:tt $body:tt} $($rest:tt)*
    ) => {
        $crate::__machine!(@walk $h $done {$($t)* {$a $self $at {$att} $e {$et} $to $body}} $r $f $helpers $($rest)*);
    };
    (@walk $h:tt $done:tt {$($t:tt)*} $r:tt $f:tt $helpers:tt
        {$a:tt thrown $self:ident [& $at:ident [mut $att:ty, _: $et:ty $(,)?]] $to:tt $body:tt} $($rest:tt)*
    ) => {
        $crate::__machine!(@walk $h $done {$($t)* {$a $self $at {$att} _thrown {$et} $to $body}} $r $f $helpers
            $($rest)*);
    };
    (@walk $h:tt $done:tt $t:tt $r:tt $f:tt $helpers:tt {$a:tt thrown $($any:tt)*} $($rest:tt)*) => {
        $crate::__machine_mistake!(thrown);
    };
    (@walk $h:tt $done:tt $t:tt {$($r:tt)*} $f:tt $helpers:tt
        {$a:tt raised $self:ident [$first:tt $e:ident [$($more:tt)*]] $to:tt $body:tt} $($rest:tt)*
    ) => {
        $crate::__machine!(@walk $h $done $t {$($r)* {$a $self $e {$first $($more)*} $to $body}} $f $helpers $($rest)*);
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
    // A reference with a lifetime is a value of its own.
    (@walk $h:tt [$($done:tt)*] $t:tt $r:tt $f:tt $helpers:tt
        {$a:tt $s:ident $self:ident [& $n:ident [$lt:lifetime $($more:tt)*]] $to:tt $body:tt} $($rest:tt)*
    ) => {
        $crate::__machine!(@walk $h [$($done)* {$a $s $self [@moved [$n: & $lt $($more)*]] $to $body}] $t $r $f $helpers
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
