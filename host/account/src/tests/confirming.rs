//! A broker that asks before it takes an order.

use bracketd_core::command::{Answer, Progress};

use crate::tests::stage::Stage;

fn progress(answer: Answer) -> Progress {
    match answer {
        Answer::Placed { progress, .. } => progress,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_question_whose_code_the_operator_listed_is_answered_with_yes() {
    let stage = Stage::with(|config| config.confirm = vec!["asked".to_owned()]);
    assert_eq!(progress(stage.cancel("Q/orders")), Progress::Confirmed);
    assert_eq!(stage.broker.lines(), ["POST /orders", "POST /reply"]);
    stage.settle();
}

#[test]
fn any_other_question_is_told_and_not_answered() {
    let stage = Stage::with(|config| config.confirm = vec!["OTHER".to_owned()]);
    let told = progress(stage.cancel("Q/orders"));
    assert!(matches!(&told, Progress::Challenge { code, .. } if code == "ASKED"), "{told:?}");
    assert_eq!(stage.broker.lines(), ["POST /orders"]);
    stage.settle();
}
