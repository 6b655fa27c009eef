//! [`machine!`](crate::machine): what it expands to.
//!
//! The enum of the states and the helpers stand where the macro is used. Everything else stands in a block of its own, so
//! that it takes no names there. In that block, each state has a marker, and a value of its own name: a constant, or for a
//! state with data a function. Types keep their names, so a state may be called like a type.
//!
//! The markers are in a module called like the enum, which the expansion calls `__states`. So where two machines have states
//! of one name, the compiler's messages tell them apart: `_::__machine::Phase::Reading`.

#[doc(hidden)]
#[macro_export]
macro_rules! __machine_out {
    (@all $tag:ident $h:tt {
        {[$($meta:tt)*] [$($g:tt)*] {$machine:ty} [$($w:tt)*] $names:tt} {$y:ty} {$i:ty} {$r:ty}
        {{$($head:tt)*} $p:ident [$($lt:lifetime),*] [$($pg:ident),*] [$($declared:tt)*] [$($bounds:tt)*]}
    } [$({
        [$(#[$(doc $($doc:tt)+)? $(cfg $cfg:tt)? $(allow $allow:tt)? $(expect $expect:tt)? $(warn $warn:tt)?
            $(deny $deny:tt)?])*]
        $s:ident $self:ident
        [$(Sent $n:ident [$($(, $x:ident: &mut $xt:ty)+)? $(,)?])?
        $(Outcome $c:ident [<$ct:ty> $(, $d:ident: $dt:ty)* $(,)?])?
        $(@moved [$z:ident: $zt:ty $(, $zs:ident: $zst:ty)* $(,)?])?]
        [$($to:ident)*] $body:tt
    })+] $thrown:tt $raised:tt $finally:tt [$($helpers:tt)*]) => {
        $($head)* enum $p<$($declared)*> where $($bounds)* {
            $(
                $($(#[doc $($doc)+])? $(#[cfg $cfg])?)*
                $s $($(($($xt),+))?)? $(($ct $(, $dt)*))? $(($zt $(, $zst)*))?,
            )+
        }

        $crate::__machine_out!(@helpers [$($g)*] {$machine} [$($w)*] $($helpers)*);
        $crate::__machine_out!(@once thrown $thrown);
        $crate::__machine_out!(@once raised $raised);
        $crate::__machine_out!(@once finally $finally);

        const _: () = {
            #[allow(dead_code, non_camel_case_types, non_snake_case, unused_imports, unreachable_pub)]
            mod __machine {
                pub mod $p {
                    $($($(#[cfg $cfg])?)* pub struct $s;)+
                    pub use $crate::coroutine::machine::parts::ends::*;
                    pub struct thrown;
                    pub struct raised;
                }
            }
            #[allow(unused_imports)]
            use __machine::$p as __states;

            $($crate::__machine_out!(@state $h {$($(#[cfg $cfg])?)*}
                {$($(#[allow $allow])? $(#[expect $expect])? $(#[warn $warn])? $(#[deny $deny])?)*}
                $s $self
                [
                    $(in_place $n [$($($x {$xt})+)?])?
                    $(waits $c {$ct} [$($d {$dt})*])?
                    $(moved [$z {$zt} $($zs {$zst})*])?
                ]
                [$($to)*] $body
            );)+

            $($meta)*
            impl<$($g)*> $crate::coroutine::machine::Machine for $machine where $($w)* {
                type Yield = $y;
                type Input = $i;
                type Return = $r;
                type State = $p<$($lt,)* $($pg,)*>;
                type Place = <
                    $crate::coroutine::machine::parts::Places<{
                        false $(
                            $(|| !stringify!($c).is_empty())?
                            $(|| !stringify!($z).is_empty())?
                        )+
                    }> as $crate::coroutine::machine::parts::PlaceOf<Self::State>
                >::Place;

                const TRANSITIONS: &'static [(&'static str, &'static [&'static str])] = &[
                    $($($(#[cfg $cfg])?)* (stringify!($s), &[$(stringify!($to)),*]),)+
                ];

                #[inline(always)]
                #[allow(unreachable_patterns)]
                fn run<__Place: $crate::coroutine::machine::parts::Place<Self::State>>(
                    &mut self,
                    place: &mut __Place,
                    mut sent: ::core::result::Result<$i, $crate::Exception>,
                ) -> $crate::Resumed<$crate::Running<Self>> {
                    loop {
                        match place.get_mut() {
                            $(
                                $($(#[cfg $cfg])?)*
                                ::core::option::Option::Some($p::$s { .. }) => $crate::__machine_out!(@go place sent
                                    [$(set $n)? $(fill $c)? $(fill $z)?]
                                    $crate::__machine_out!(@run self place sent $p $s [
                                        $(in_place [$($($x)+)?] $n)?
                                        $(waits $c [$($d)*])?
                                        $(moved [$z $($zs)*])?
                                    ])
                                ),
                            )+
                            _ => return ::core::result::Result::Err($crate::coroutine::machine::parts::over(sent)),
                        }
                    }
                }

                fn name_of(state: &Self::State) -> &'static str {
                    match state {
                        $($($(#[cfg $cfg])?)* $p::$s { .. } => stringify!($s),)+
                    }
                }

                fn child_of(state: &Self::State) -> ::core::option::Option<$crate::State<'_>> {
                    match state {
                        $($($(#[cfg $cfg])?)* $p::$s { .. } => $crate::__machine_out!(@child state $p $s [$($c)?]),)+
                    }
                }

                $crate::__machine_out!(@on_thrown $thrown);
                $crate::__machine_out!(@on_raised $raised);
                $crate::__machine_out!(@on_end {$y} {$i} {$r} $finally);
            }

            $crate::__machine_out!(@thrown [$($g)*] {$machine} [$($w)*] $thrown);
            $crate::__machine_out!(@raised [$($g)*] {$machine} [$($w)*] $raised);
        };
    };
    (@all raw $h:tt $again:tt [$($states:tt)*] $t:tt $r:tt $f:tt $helpers:tt) => {
        $crate::__machine!(@walk $h [] $t $r $f $helpers $($states)*);
    };
    (@all walked $h:tt $again:tt [$($states:tt)*] $t:tt $r:tt $f:tt $helpers:tt) => {
        $crate::__machine!(@unmut $h [] $t $r $f $helpers $($states)*);
    };
    (@all unmut $($any:tt)*) => {
        $crate::__machine_mistake!(data);
    };

    (@helpers $g:tt $machine:tt $w:tt) => {};
    (@helpers [$($g:tt)*] {$machine:ty} [$($w:tt)*] $($helpers:tt)+) => {
        impl<$($g)*> $machine where $($w)* { $($helpers)+ }
    };

    (@state $h:tt $cfg:tt $lints:tt End $($any:tt)*) => { $crate::__machine_mistake!(end_is_no_state); };
    (@state $h:tt $cfg:tt $lints:tt $s:ident $self:ident $kind:tt [$($to:ident)*] $body:tt) => {
        $($crate::__machine_out!(@follows $cfg $s $to);)*
        $crate::__machine_out!(@value $h $cfg $s $kind);
        $crate::__machine_out!(@handler $h $cfg $lints $s $self $kind $body);
    };
    (@follows {$($cfg:tt)*} $s:ident $to:ident) => {
        $($cfg)* impl $crate::coroutine::machine::parts::Follows<__states::$s> for __states::$to {}
    };

    // What the name of a state stands for.
    (@value $h:tt $cfg:tt $s:ident []) => { $crate::__machine_out!(@unit $h $cfg $s); };
    (@value $h:tt $cfg:tt $s:ident [in_place $n:ident []]) => { $crate::__machine_out!(@unit $h $cfg $s); };
    (@value $h:tt $cfg:tt $s:ident [in_place $n:ident $data:tt]) => { $crate::__machine_out!(@data $h $cfg $s $data); };
    (@value $h:tt $cfg:tt $s:ident [waits $c:ident $ct:tt [$($data:tt)*]]) => {
        $crate::__machine_out!(@data $h $cfg $s [$c $ct $($data)*]);
    };
    (@value $h:tt $cfg:tt $s:ident [moved $data:tt]) => { $crate::__machine_out!(@data $h $cfg $s $data); };
    (@unit {
        {$meta:tt [$($g:tt)*] {$machine:ty} [$($w:tt)*] $names:tt} $y:tt $i:tt $r:tt {$head:tt $p:ident $($more:tt)*}
    } {$($cfg:tt)*} $s:ident) => {
        $($cfg)*
        #[allow(dead_code, non_upper_case_globals)]
        const $s: __states::$s = __states::$s;
        $($cfg)*
        impl<$($g)*> $crate::coroutine::machine::parts::Enter<$machine> for __states::$s where $($w)* {
            type Marker = Self;
            #[inline(always)]
            fn enter(self) -> <$machine as $crate::coroutine::machine::Machine>::State {
                $p::$s
            }
        }
    };
    (@data {
        $header:tt $y:tt $i:tt $r:tt
        {$head:tt $p:ident [$($lt:lifetime),*] [$($pg:ident),*] [$($declared:tt)*] [$($bounds:tt)*]}
    } {$($cfg:tt)*} $s:ident [$($x:ident {$xt:ty})+]) => {
        $($cfg)*
        #[allow(dead_code, non_snake_case, clippy::too_many_arguments)]
        #[inline(always)]
        fn $s<$($declared)*>(
            $($x: $xt),+
        ) -> $crate::coroutine::machine::parts::Entering<__states::$s, $p<$($lt,)* $($pg,)*>>
        where
            $($bounds)*
        {
            $crate::coroutine::machine::parts::Entering($p::$s($($x),+), ::core::marker::PhantomData)
        }
    };

    // The handlers.
    (@handler $h:tt {$($cfg:tt)*} $lints:tt $s:ident $self:ident [in_place $n:ident [$($x:ident {$xt:ty})*]] $body:tt) => {
        $($cfg)* impl $crate::coroutine::machine::parts::InPlace for __states::$s {}
        $crate::__machine_out!(@fn $h {$($cfg)*} $lints $s $self [
            mut $n: $crate::coroutine::machine::Sent<'_, <Self as $crate::coroutine::machine::Machine>::Input>
            $(, $x: &mut $xt)*
        ] $body);
    };
    (@handler $h:tt $cfg:tt $lints:tt $s:ident $self:ident [waits $c:ident {$ct:ty} [$($x:ident {$xt:ty})*]] $body:tt) => {
        $crate::__machine_out!(@fn $h $cfg $lints $s $self [
            $c: $crate::coroutine::machine::Outcome<$ct> $(, mut $x: $xt)*
        ] $body);
    };
    (@handler $h:tt $cfg:tt $lints:tt $s:ident $self:ident [moved [$($x:ident {$xt:ty})*]] $body:tt) => {
        $crate::__machine_out!(@fn $h $cfg $lints $s $self [$(mut $x: $xt),*] $body);
    };
    (@handler $h:tt $cfg:tt $lints:tt $s:ident $self:ident [] $body:tt) => {
        $crate::__machine_out!(@fn $h $cfg $lints $s $self [] $body);
    };
    (@fn {{$meta:tt [$($g:tt)*] {$machine:ty} [$($w:tt)*] $names:tt} $y:tt $i:tt $r:tt $state:tt}
        {$($cfg:tt)*} {$($lints:tt)*} $s:ident $self:ident [$($parameters:tt)*] $body:tt
    ) => {
        $($cfg)*
        const _: () = {
            $crate::__machine_out!(@verbs $s);
            impl<$($g)*> $machine where $($w)* {
                $($lints)*
                #[allow(non_snake_case, unused_mut, clippy::too_many_arguments, clippy::ptr_arg)]
                #[inline(always)]
                fn $s(&mut $self, $($parameters)*) -> $crate::coroutine::machine::parts::Next<Self, __states::$s> {
                    $body
                }
            }
        };
    };

    // What a handler may return. They are functions of its own, because the functions that they call are generic in the
    // state that is left: the compiler would infer that from what may follow, in place of checking it. They stand around
    // the handler rather than in it, so that its data may be called like one of them.
    (@verbs $s:ident) => {
        #[allow(dead_code)]
        #[inline(always)]
        fn to<M, K>(state: K) -> $crate::coroutine::machine::parts::Next<M, __states::$s>
        where
            M: $crate::coroutine::machine::Machine,
            K: $crate::coroutine::machine::parts::Enter<M>,
            K::Marker: $crate::coroutine::machine::parts::Follows<__states::$s>,
        {
            $crate::coroutine::machine::parts::to(state)
        }
        #[allow(dead_code)]
        #[inline(always)]
        fn yield_to<M, K>(value: M::Yield, state: K) -> $crate::coroutine::machine::parts::Next<M, __states::$s>
        where
            M: $crate::coroutine::machine::Machine,
            K: $crate::coroutine::machine::parts::Enter<M>,
            K::Marker: $crate::coroutine::machine::parts::Follows<__states::$s>,
        {
            $crate::coroutine::machine::parts::yield_to(value, state)
        }
        #[allow(dead_code)]
        #[inline(always)]
        fn end<M, S>(value: M::Return) -> $crate::coroutine::machine::parts::Next<M, S>
        where
            M: $crate::coroutine::machine::Machine,
            S: $crate::coroutine::machine::parts::MayEnd + $crate::coroutine::machine::parts::Is<__states::$s>,
        {
            $crate::coroutine::machine::parts::end(value)
        }
        #[allow(dead_code)]
        #[inline(always)]
        fn stay<M, S>() -> $crate::coroutine::machine::parts::Next<M, S>
        where
            M: $crate::coroutine::machine::Machine,
            S: $crate::coroutine::machine::parts::InPlace + $crate::coroutine::machine::parts::Is<__states::$s>,
        {
            $crate::coroutine::machine::parts::stay()
        }
        #[allow(dead_code)]
        #[inline(always)]
        fn yield_here<M, S>(value: M::Yield) -> $crate::coroutine::machine::parts::Next<M, S>
        where
            M: $crate::coroutine::machine::Machine,
            S: $crate::coroutine::machine::parts::InPlace + $crate::coroutine::machine::parts::Is<__states::$s>,
        {
            $crate::coroutine::machine::parts::yield_here(value)
        }
    };

    // Runs the state that the machine is in.
    (@run $self:ident $place:ident $sent:ident $p:ident $s:ident [in_place [] $n:ident]) => { $self.$s(&mut $sent) };
    (@run $self:ident $place:ident $sent:ident $p:ident $s:ident [in_place [$($x:ident)+] $n:ident]) => {
        match $place.get_mut() {
            ::core::option::Option::Some($p::$s($($x),+)) => $self.$s(&mut $sent, $($x),+),
            _ => return ::core::result::Result::Err($crate::coroutine::machine::parts::over($sent)),
        }
    };
    (@run $self:ident $place:ident $sent:ident $p:ident $s:ident [waits $c:ident [$($x:ident)*]]) => {{
        let outcome = match $place.get_mut() {
            ::core::option::Option::Some($p::$s($c, ..)) => $crate::yield_from!($c, $sent),
            _ => return ::core::result::Result::Err($crate::coroutine::machine::parts::over($sent)),
        };
        match $place.take() {
            ::core::option::Option::Some($p::$s($c $(, $x)*)) => {
                $crate::coroutine::machine::parts::end_child($c);
                $self.$s(outcome $(, $x)*)
            }
            _ => return ::core::result::Result::Err($crate::coroutine::machine::parts::over($sent)),
        }
    }};
    (@run $self:ident $place:ident $sent:ident $p:ident $s:ident [moved [$($x:ident)+]]) => {{
        $crate::take_sent(&mut $sent)?;
        match $place.take() {
            ::core::option::Option::Some($p::$s($($x),+)) => $self.$s($($x),+),
            _ => return ::core::result::Result::Err($crate::coroutine::machine::parts::over($sent)),
        }
    }};
    (@run $self:ident $place:ident $sent:ident $p:ident $s:ident []) => {{
        $crate::take_sent(&mut $sent)?;
        $self.$s()
    }};

    (@child $state:ident $p:ident $s:ident []) => { ::core::option::Option::None };
    (@child $state:ident $p:ident $s:ident [$c:ident]) => {
        match $state {
            $p::$s($c, ..) => ::core::option::Option::Some($crate::Coroutine::state($c)),
            #[allow(unreachable_patterns)]
            _ => ::core::option::Option::None,
        }
    };

    // Does what the handler has returned. An exception that was thrown in and not taken is raised, rather than lost.
    // Where the handler takes it, the compiler sees that, and leaves the check out.
    (@go $place:ident $sent:ident [] $after:expr) => {
        $crate::__machine_out!(@go $place $sent [set stays] $after)
    };
    (@go $place:ident $sent:ident [$set:ident $any:ident] $after:expr) => {
        match $after {
            ::core::result::Result::Ok($crate::coroutine::machine::parts::ToOrEnd(go, _)) => match go {
                $crate::coroutine::machine::parts::Go::To(state) => $place.$set(state),
                $crate::coroutine::machine::parts::Go::Stay => {}
                $crate::coroutine::machine::parts::Go::Yield(yielded) => {
                    return $sent.map(|_| $crate::Step::Yield(yielded));
                }
                $crate::coroutine::machine::parts::Go::YieldTo(yielded, state) => {
                    $place.$set(state);
                    return $sent.map(|_| $crate::Step::Yield(yielded));
                }
                $crate::coroutine::machine::parts::Go::Delegate(frame) => {
                    return $sent.map(|_| $crate::Step::Delegate(frame));
                }
                $crate::coroutine::machine::parts::Go::End(returned) => {
                    return $sent.map(|_| $crate::Step::Return(returned));
                }
            },
            ::core::result::Result::Err(raised) => return ::core::result::Result::Err(raised),
        }
    };

    // The hooks. There may be several of one name, if each depends on the configuration.
    (@once $name:ident {$($one:tt)?}) => {};
    (@once $name:ident {$({$attributes:tt $($hook:tt)*})+}) => {
        $($crate::__machine_out!(@cfgs {@depends $name} [] $attributes);)+
    };
    (@depends $name:ident []) => { $crate::__machine_mistake!($name); };
    (@depends $name:ident $c:tt) => {};
    (@on_thrown {$({$attributes:tt $($hook:tt)*})*}) => {
        $($crate::__machine_out!(@cfgs {@on_thrown $($hook)*} [] $attributes);)*
    };
    (@on_thrown $self:ident $at:ident {$att:ty} $e:ident {$et:ty} [$($to:ident)*] $body:tt [$($c:tt)*]) => {
        $($c)*
        const ON_THROWN: &'static [&'static str] = &[$(stringify!($to)),*];
        $($c)*
        const THROWN: bool = true;
        $($c)*
        fn on_thrown(
            &mut self,
            state: &mut Self::State,
            thrown: $crate::Exception,
        ) -> ::core::result::Result<$crate::coroutine::machine::parts::Go<Self>, $crate::Exception> {
            self.thrown(state, thrown).map(|after| after.0)
        }
    };
    (@on_raised {$({$attributes:tt $($hook:tt)*})*}) => {
        $($crate::__machine_out!(@cfgs {@on_raised $($hook)*} [] $attributes);)*
    };
    (@on_raised $self:ident $e:ident {$($et:tt)*} [$($to:ident)*] $body:tt [$($c:tt)*]) => {
        $($c)*
        const ON_RAISED: &'static [&'static str] = &[$(stringify!($to)),*];
        $($c)*
        const RAISED: bool = true;
        $($c)*
        fn on_raised(
            &mut self,
            raised: $crate::Exception,
        ) -> ::core::result::Result<$crate::coroutine::machine::parts::Go<Self>, $crate::Exception> {
            self.raised(raised).map(|after| after.0)
        }
    };
    (@on_end $y:tt $i:tt $r:tt {}) => { type Ending = (); };
    (@on_end {$y:ty} {$i:ty} {$r:ty} {$({$attributes:tt $self:ident $sent:ident $body:tt})+}) => {
        type Ending = $crate::coroutine::machine::parts::Kept<$r>;
        $($crate::__machine_out!(@finally {$y} {$i} $attributes $self $sent $body);)+
        fn keep(ending: &mut Self::Ending, outcome: ::core::result::Result<$r, $crate::Exception>) {
            ending.put(outcome);
        }
        fn kept(ending: &mut Self::Ending) -> ::core::option::Option<::core::result::Result<$r, $crate::Exception>> {
            ending.take()
        }
        fn is_ending(ending: &Self::Ending) -> bool {
            ending.is_put()
        }
        fn has_ended(ending: &Self::Ending) -> bool {
            ending.has_ended()
        }
    };
    (@finally {$y:ty} {$i:ty} [$($a:tt)*] $self:ident $sent:ident $body:tt) => {
        $crate::__machine_out!(@cfgs {@finally} [] [$($a)*]);
        $($a)*
        #[allow(unused_mut)]
        fn on_end(
            &mut $self,
            mut $sent: $crate::coroutine::machine::Sent<'_, $i>,
        ) -> ::core::result::Result<$crate::Step<$y, $i, ()>, $crate::Exception> {
            let ended: ::core::result::Result<(), $crate::Exception> = $body;
            ended.map($crate::Step::Return)
        }
    };
    (@finally [$($c:tt)*]) => { $($c)* const FINALLY: bool = true; };
    (@thrown $g:tt $machine:tt $w:tt {}) => {};
    (@thrown $g:tt $machine:tt $w:tt {{$attributes:tt $($hook:tt)*} $($more:tt)*}) => {
        $crate::__machine_out!(@cfgs {@thrown $g $machine $w $attributes $($hook)*} [] $attributes);
        $crate::__machine_out!(@thrown $g $machine $w {$($more)*});
    };
    (@thrown [$($g:tt)*] {$machine:ty} [$($w:tt)*]
        [$($a:tt)*] $self:ident $at:ident {$att:ty} $e:ident {$et:ty} [$($to:ident)*] $body:tt [$($c:tt)*]
    ) => {
        $($c)*
        const _: () = {
            $crate::__machine_out!(@verbs thrown);
            impl $crate::coroutine::machine::parts::InPlace for __states::thrown {}
            $(impl $crate::coroutine::machine::parts::Follows<__states::thrown> for __states::$to {})*
            impl<$($g)*> $machine where $($w)* {
                $($a)*
                fn thrown(
                    &mut $self,
                    $at: &mut $att,
                    $e: $et,
                ) -> $crate::coroutine::machine::parts::Next<Self, __states::thrown> {
                    $body
                }
            }
        };
    };
    (@raised $g:tt $machine:tt $w:tt {}) => {};
    (@raised $g:tt $machine:tt $w:tt {{$attributes:tt $($hook:tt)*} $($more:tt)*}) => {
        $crate::__machine_out!(@cfgs {@raised $g $machine $w $attributes $($hook)*} [] $attributes);
        $crate::__machine_out!(@raised $g $machine $w {$($more)*});
    };
    (@raised [$($g:tt)*] {$machine:ty} [$($w:tt)*]
        [$($a:tt)*] $self:ident $e:ident {$($et:tt)*} [$($to:ident)*] $body:tt [$($c:tt)*]
    ) => {
        $($c)*
        const _: () = {
            $crate::__machine_out!(@verbs raised);
            $(impl $crate::coroutine::machine::parts::Follows<__states::raised> for __states::$to {})*
            impl<$($g)*> $machine where $($w)* {
                $($a)*
                fn raised(&mut $self, $e: $($et)*) -> $crate::coroutine::machine::parts::Next<Self, __states::raised> {
                    $body
                }
            }
        };
    };

    // Goes on with the `cfg` attributes of a hook behind the rest.
    (@cfgs {$($then:tt)*} $c:tt []) => { $crate::__machine_out!($($then)* $c); };
    (@cfgs $then:tt [$($c:tt)*] [#[cfg $cfg:tt] $($more:tt)*]) => {
        $crate::__machine_out!(@cfgs $then [$($c)* #[cfg $cfg]] [$($more)*]);
    };
    (@cfgs $then:tt $c:tt [#$other:tt $($more:tt)*]) => { $crate::__machine_out!(@cfgs $then $c [$($more)*]); };
}
