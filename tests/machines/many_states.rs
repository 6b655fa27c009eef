//! A machine of a hundred states and more, of all kinds in turn, with a helper and a hook between them. It must compile
//! without a larger `recursion_limit`.

use innermost::coroutine::Ready;
use innermost::{Exception, Generator, Machine, machine, ready, take_sent};

struct Many;

machine!(
    impl Machine for Many {
        type Yield = u32;
        type State = Of;

        fn S0(&mut self, sent: Sent) -> Next<S1, End> {
            take_sent(sent)?;
            yield_to(0, S1(1))
        }

        fn S1(&mut self, sent: Sent, _data: &mut u32) -> Next<S2> {
            take_sent(sent)?;
            yield_to(1, S2)
        }

        fn S2(&mut self) -> Next<S3> {
            yield_to(2, S3(3))
        }

        fn S3(&mut self, data: u32) -> Next<S4> {
            assert_eq!(data, 3);
            yield_to(3, S4(ready(4), 4))
        }

        fn S4(&mut self, outcome: Outcome<Ready<u32, (), u32>>, data: u32) -> Next<S5, End> {
            assert_eq!(outcome?, data);
            yield_to(4, S5)
        }

        fn S5(&mut self, sent: Sent) -> Next<S6, End> {
            take_sent(sent)?;
            yield_to(5, S6(6))
        }

        fn S6(&mut self, sent: Sent, _data: &mut u32) -> Next<S7> {
            take_sent(sent)?;
            yield_to(6, S7)
        }

        fn S7(&mut self) -> Next<S8> {
            yield_to(7, S8(8))
        }

        fn S8(&mut self, data: u32) -> Next<S9> {
            assert_eq!(data, 8);
            yield_to(8, S9(ready(9), 9))
        }

        fn S9(&mut self, outcome: Outcome<Ready<u32, (), u32>>, data: u32) -> Next<S10, End> {
            assert_eq!(outcome?, data);
            yield_to(9, S10)
        }

        fn S10(&mut self, sent: Sent) -> Next<S11, End> {
            take_sent(sent)?;
            yield_to(10, S11(11))
        }

        fn S11(&mut self, sent: Sent, _data: &mut u32) -> Next<S12> {
            take_sent(sent)?;
            yield_to(11, S12)
        }

        fn S12(&mut self) -> Next<S13> {
            yield_to(12, S13(13))
        }

        fn S13(&mut self, data: u32) -> Next<S14> {
            assert_eq!(data, 13);
            yield_to(13, S14(ready(14), 14))
        }

        fn S14(&mut self, outcome: Outcome<Ready<u32, (), u32>>, data: u32) -> Next<S15, End> {
            assert_eq!(outcome?, data);
            yield_to(14, S15)
        }

        fn S15(&mut self, sent: Sent) -> Next<S16, End> {
            take_sent(sent)?;
            yield_to(15, S16(16))
        }

        fn S16(&mut self, sent: Sent, _data: &mut u32) -> Next<S17> {
            take_sent(sent)?;
            yield_to(16, S17)
        }

        fn S17(&mut self) -> Next<S18> {
            yield_to(17, S18(18))
        }

        fn S18(&mut self, data: u32) -> Next<S19> {
            assert_eq!(data, 18);
            yield_to(18, S19(ready(19), 19))
        }

        fn S19(&mut self, outcome: Outcome<Ready<u32, (), u32>>, data: u32) -> Next<S20, End> {
            assert_eq!(outcome?, data);
            yield_to(19, S20)
        }

        fn S20(&mut self, sent: Sent) -> Next<S21, End> {
            take_sent(sent)?;
            yield_to(20, S21(21))
        }

        fn S21(&mut self, sent: Sent, _data: &mut u32) -> Next<S22> {
            take_sent(sent)?;
            yield_to(21, S22)
        }

        fn S22(&mut self) -> Next<S23> {
            yield_to(22, S23(23))
        }

        fn S23(&mut self, data: u32) -> Next<S24> {
            assert_eq!(data, 23);
            yield_to(23, S24(ready(24), 24))
        }

        fn S24(&mut self, outcome: Outcome<Ready<u32, (), u32>>, data: u32) -> Next<S25, End> {
            assert_eq!(outcome?, data);
            yield_to(24, S25)
        }

        fn S25(&mut self, sent: Sent) -> Next<S26, End> {
            take_sent(sent)?;
            yield_to(25, S26(26))
        }

        fn S26(&mut self, sent: Sent, _data: &mut u32) -> Next<S27> {
            take_sent(sent)?;
            yield_to(26, S27)
        }

        fn S27(&mut self) -> Next<S28> {
            yield_to(27, S28(28))
        }

        fn S28(&mut self, data: u32) -> Next<S29> {
            assert_eq!(data, 28);
            yield_to(28, S29(ready(29), 29))
        }

        fn S29(&mut self, outcome: Outcome<Ready<u32, (), u32>>, data: u32) -> Next<S30, End> {
            assert_eq!(outcome?, data);
            yield_to(29, S30)
        }

        fn S30(&mut self, sent: Sent) -> Next<S31, End> {
            take_sent(sent)?;
            yield_to(30, S31(31))
        }

        fn S31(&mut self, sent: Sent, _data: &mut u32) -> Next<S32> {
            take_sent(sent)?;
            yield_to(31, S32)
        }

        fn S32(&mut self) -> Next<S33> {
            yield_to(32, S33(33))
        }

        fn S33(&mut self, data: u32) -> Next<S34> {
            assert_eq!(data, 33);
            yield_to(33, S34(ready(34), 34))
        }

        fn S34(&mut self, outcome: Outcome<Ready<u32, (), u32>>, data: u32) -> Next<S35, End> {
            assert_eq!(outcome?, data);
            yield_to(34, S35)
        }

        fn S35(&mut self, sent: Sent) -> Next<S36, End> {
            take_sent(sent)?;
            yield_to(35, S36(36))
        }

        fn S36(&mut self, sent: Sent, _data: &mut u32) -> Next<S37> {
            take_sent(sent)?;
            yield_to(36, S37)
        }

        fn S37(&mut self) -> Next<S38> {
            yield_to(37, S38(38))
        }

        fn S38(&mut self, data: u32) -> Next<S39> {
            assert_eq!(data, 38);
            yield_to(38, S39(ready(39), 39))
        }

        fn S39(&mut self, outcome: Outcome<Ready<u32, (), u32>>, data: u32) -> Next<S40, End> {
            assert_eq!(outcome?, data);
            yield_to(39, S40)
        }

        fn S40(&mut self, sent: Sent) -> Next<S41, End> {
            take_sent(sent)?;
            yield_to(40, S41(41))
        }

        fn S41(&mut self, sent: Sent, _data: &mut u32) -> Next<S42> {
            take_sent(sent)?;
            yield_to(41, S42)
        }

        fn S42(&mut self) -> Next<S43> {
            yield_to(42, S43(43))
        }

        fn S43(&mut self, data: u32) -> Next<S44> {
            assert_eq!(data, 43);
            yield_to(43, S44(ready(44), 44))
        }

        fn S44(&mut self, outcome: Outcome<Ready<u32, (), u32>>, data: u32) -> Next<S45, End> {
            assert_eq!(outcome?, data);
            yield_to(44, S45)
        }

        fn S45(&mut self, sent: Sent) -> Next<S46, End> {
            take_sent(sent)?;
            yield_to(45, S46(46))
        }

        fn S46(&mut self, sent: Sent, _data: &mut u32) -> Next<S47> {
            take_sent(sent)?;
            yield_to(46, S47)
        }

        fn S47(&mut self) -> Next<S48> {
            yield_to(47, S48(48))
        }

        fn S48(&mut self, data: u32) -> Next<S49> {
            assert_eq!(data, 48);
            yield_to(48, S49(ready(49), 49))
        }

        fn S49(&mut self, outcome: Outcome<Ready<u32, (), u32>>, data: u32) -> Next<S50, End> {
            assert_eq!(outcome?, data);
            yield_to(49, S50)
        }

        fn S50(&mut self, sent: Sent) -> Next<S51, End> {
            take_sent(sent)?;
            yield_to(50, S51(51))
        }

        fn S51(&mut self, sent: Sent, _data: &mut u32) -> Next<S52> {
            take_sent(sent)?;
            yield_to(51, S52)
        }

        fn S52(&mut self) -> Next<S53> {
            yield_to(52, S53(53))
        }

        fn S53(&mut self, data: u32) -> Next<S54> {
            assert_eq!(data, 53);
            yield_to(53, S54(ready(54), 54))
        }

        fn S54(&mut self, outcome: Outcome<Ready<u32, (), u32>>, data: u32) -> Next<S55, End> {
            assert_eq!(outcome?, data);
            yield_to(54, S55)
        }

        fn S55(&mut self, sent: Sent) -> Next<S56, End> {
            take_sent(sent)?;
            yield_to(55, S56(56))
        }

        fn S56(&mut self, sent: Sent, _data: &mut u32) -> Next<S57> {
            take_sent(sent)?;
            yield_to(56, S57)
        }

        fn S57(&mut self) -> Next<S58> {
            yield_to(57, S58(58))
        }

        fn S58(&mut self, data: u32) -> Next<S59> {
            assert_eq!(data, 58);
            yield_to(58, S59(ready(59), 59))
        }

        fn S59(&mut self, outcome: Outcome<Ready<u32, (), u32>>, data: u32) -> Next<S60, End> {
            assert_eq!(outcome?, data);
            yield_to(59, S60)
        }

        fn S60(&mut self, sent: Sent) -> Next<S61, End> {
            take_sent(sent)?;
            yield_to(60, S61(61))
        }

        fn help(&self) -> u32 {
            60
        }

        fn S61(&mut self, sent: Sent, _data: &mut u32) -> Next<S62> {
            take_sent(sent)?;
            yield_to(61, S62)
        }

        fn S62(&mut self) -> Next<S63> {
            yield_to(62, S63(63))
        }

        fn S63(&mut self, data: u32) -> Next<S64> {
            assert_eq!(data, 63);
            yield_to(63, S64(ready(64), 64))
        }

        fn S64(&mut self, outcome: Outcome<Ready<u32, (), u32>>, data: u32) -> Next<S65, End> {
            assert_eq!(outcome?, data);
            yield_to(64, S65)
        }

        fn S65(&mut self, sent: Sent) -> Next<S66, End> {
            take_sent(sent)?;
            yield_to(65, S66(66))
        }

        fn S66(&mut self, sent: Sent, _data: &mut u32) -> Next<S67> {
            take_sent(sent)?;
            yield_to(66, S67)
        }

        fn S67(&mut self) -> Next<S68> {
            yield_to(67, S68(68))
        }

        fn S68(&mut self, data: u32) -> Next<S69> {
            assert_eq!(data, 68);
            yield_to(68, S69(ready(69), 69))
        }

        fn S69(&mut self, outcome: Outcome<Ready<u32, (), u32>>, data: u32) -> Next<S70, End> {
            assert_eq!(outcome?, data);
            yield_to(69, S70)
        }

        fn S70(&mut self, sent: Sent) -> Next<S71, End> {
            take_sent(sent)?;
            yield_to(70, S71(71))
        }

        fn S71(&mut self, sent: Sent, _data: &mut u32) -> Next<S72> {
            take_sent(sent)?;
            yield_to(71, S72)
        }

        fn S72(&mut self) -> Next<S73> {
            yield_to(72, S73(73))
        }

        fn S73(&mut self, data: u32) -> Next<S74> {
            assert_eq!(data, 73);
            yield_to(73, S74(ready(74), 74))
        }

        fn S74(&mut self, outcome: Outcome<Ready<u32, (), u32>>, data: u32) -> Next<S75, End> {
            assert_eq!(outcome?, data);
            yield_to(74, S75)
        }

        fn S75(&mut self, sent: Sent) -> Next<S76, End> {
            take_sent(sent)?;
            yield_to(75, S76(76))
        }

        fn S76(&mut self, sent: Sent, _data: &mut u32) -> Next<S77> {
            take_sent(sent)?;
            yield_to(76, S77)
        }

        fn S77(&mut self) -> Next<S78> {
            yield_to(77, S78(78))
        }

        fn S78(&mut self, data: u32) -> Next<S79> {
            assert_eq!(data, 78);
            yield_to(78, S79(ready(79), 79))
        }

        fn S79(&mut self, outcome: Outcome<Ready<u32, (), u32>>, data: u32) -> Next<S80, End> {
            assert_eq!(outcome?, data);
            yield_to(79, S80)
        }

        fn S80(&mut self, sent: Sent) -> Next<S81, End> {
            take_sent(sent)?;
            yield_to(80, S81(81))
        }

        fn S81(&mut self, sent: Sent, _data: &mut u32) -> Next<S82> {
            take_sent(sent)?;
            yield_to(81, S82)
        }

        fn S82(&mut self) -> Next<S83> {
            yield_to(82, S83(83))
        }

        fn S83(&mut self, data: u32) -> Next<S84> {
            assert_eq!(data, 83);
            yield_to(83, S84(ready(84), 84))
        }

        fn S84(&mut self, outcome: Outcome<Ready<u32, (), u32>>, data: u32) -> Next<S85, End> {
            assert_eq!(outcome?, data);
            yield_to(84, S85)
        }

        fn S85(&mut self, sent: Sent) -> Next<S86, End> {
            take_sent(sent)?;
            yield_to(85, S86(86))
        }

        fn S86(&mut self, sent: Sent, _data: &mut u32) -> Next<S87> {
            take_sent(sent)?;
            yield_to(86, S87)
        }

        fn S87(&mut self) -> Next<S88> {
            yield_to(87, S88(88))
        }

        fn S88(&mut self, data: u32) -> Next<S89> {
            assert_eq!(data, 88);
            yield_to(88, S89(ready(89), 89))
        }

        fn S89(&mut self, outcome: Outcome<Ready<u32, (), u32>>, data: u32) -> Next<S90, End> {
            assert_eq!(outcome?, data);
            yield_to(89, S90)
        }

        fn S90(&mut self, sent: Sent) -> Next<S91, End> {
            take_sent(sent)?;
            yield_to(90, S91(91))
        }

        fn raised(&mut self, raised: Exception) -> Next<S0> {
            if self.help() == 60 { Err(raised) } else { to(S0) }
        }

        fn S91(&mut self, sent: Sent, _data: &mut u32) -> Next<S92> {
            take_sent(sent)?;
            yield_to(91, S92)
        }

        fn S92(&mut self) -> Next<S93> {
            yield_to(92, S93(93))
        }

        fn S93(&mut self, data: u32) -> Next<S94> {
            assert_eq!(data, 93);
            yield_to(93, S94(ready(94), 94))
        }

        fn S94(&mut self, outcome: Outcome<Ready<u32, (), u32>>, data: u32) -> Next<S95, End> {
            assert_eq!(outcome?, data);
            yield_to(94, S95)
        }

        fn S95(&mut self, sent: Sent) -> Next<S96, End> {
            take_sent(sent)?;
            yield_to(95, S96(96))
        }

        fn S96(&mut self, sent: Sent, _data: &mut u32) -> Next<S97> {
            take_sent(sent)?;
            yield_to(96, S97)
        }

        fn S97(&mut self) -> Next<S98> {
            yield_to(97, S98(98))
        }

        fn S98(&mut self, data: u32) -> Next<S99> {
            assert_eq!(data, 98);
            yield_to(98, S99(ready(99), 99))
        }

        fn S99(&mut self, outcome: Outcome<Ready<u32, (), u32>>, data: u32) -> Next<S100, End> {
            assert_eq!(outcome?, data);
            yield_to(99, S100)
        }

        fn S100(&mut self, sent: Sent) -> Next<S101, End> {
            take_sent(sent)?;
            yield_to(100, S101(101))
        }

        fn S101(&mut self, sent: Sent, _data: &mut u32) -> Next<S102> {
            take_sent(sent)?;
            yield_to(101, S102)
        }

        fn S102(&mut self) -> Next<S103> {
            yield_to(102, S103(103))
        }

        fn S103(&mut self, data: u32) -> Next<S104> {
            assert_eq!(data, 103);
            yield_to(103, S104(ready(104), 104))
        }

        fn S104(&mut self, outcome: Outcome<Ready<u32, (), u32>>, data: u32) -> Next<S105, End> {
            assert_eq!(outcome?, data);
            yield_to(104, S105)
        }

        fn S105(&mut self, sent: Sent) -> Next<S106, End> {
            take_sent(sent)?;
            yield_to(105, S106(106))
        }

        fn S106(&mut self, sent: Sent, _data: &mut u32) -> Next<S107> {
            take_sent(sent)?;
            yield_to(106, S107)
        }

        fn S107(&mut self) -> Next<S108> {
            yield_to(107, S108(108))
        }

        fn S108(&mut self, data: u32) -> Next<S109> {
            assert_eq!(data, 108);
            yield_to(108, S109(ready(109), 109))
        }

        fn S109(&mut self, outcome: Outcome<Ready<u32, (), u32>>, data: u32) -> Next<S110, End> {
            assert_eq!(outcome?, data);
            yield_to(109, S110)
        }

        fn S110(&mut self, sent: Sent) -> Next<S111, End> {
            take_sent(sent)?;
            yield_to(110, S111(111))
        }

        fn S111(&mut self, sent: Sent, _data: &mut u32) -> Next<S112> {
            take_sent(sent)?;
            yield_to(111, S112)
        }

        fn S112(&mut self) -> Next<S113> {
            yield_to(112, S113(113))
        }

        fn S113(&mut self, data: u32) -> Next<S114> {
            assert_eq!(data, 113);
            yield_to(113, S114(ready(114), 114))
        }

        fn S114(&mut self, outcome: Outcome<Ready<u32, (), u32>>, data: u32) -> Next<S115, End> {
            assert_eq!(outcome?, data);
            yield_to(114, S115)
        }

        fn S115(&mut self, sent: Sent) -> Next<S116, End> {
            take_sent(sent)?;
            yield_to(115, S116(116))
        }

        fn S116(&mut self, sent: Sent, _data: &mut u32) -> Next<S117> {
            take_sent(sent)?;
            yield_to(116, S117)
        }

        fn S117(&mut self) -> Next<S118> {
            yield_to(117, S118(118))
        }

        fn S118(&mut self, data: u32) -> Next<S119> {
            assert_eq!(data, 118);
            yield_to(118, S119(ready(119), 119))
        }

        fn S119(&mut self, outcome: Outcome<Ready<u32, (), u32>>, data: u32) -> Next<S0, End> {
            assert_eq!(outcome?, data);
            yield_to(119, S0)
        }
    }
);

#[test]
fn a_machine_may_have_more_than_a_hundred_states() {
    let mut many = Generator::new(Many.start(Of::S0));
    for round in 0..2 {
        for state in 0..120 {
            assert_eq!(many.next().unwrap(), state, "{round}");
        }
    }
    assert_eq!(Many::TRANSITIONS.len(), 120);
}
