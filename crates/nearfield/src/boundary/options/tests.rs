//! Defaults, and what is refused in which words.

use super::*;

fn refusal(json: &str) -> String {
    parse(BUILD, json).expect_err(json).to_string()
}

#[test]
fn every_default_is_accepted_by_its_own_option() {
    let tables = [BUILD, OPEN, IMPORT, SEARCH, GENERATE, ROWS];
    for spec in tables.into_iter().flatten() {
        if spec.default != Default::Required {
            let value = default(spec).expect(spec.name);
            let accepted = accept(spec, &value).expect(spec.name);
            assert!(
                accepted == value || accepted.as_f64() == value.as_f64(),
                "{}",
                spec.name
            );
        }
    }
}

#[test]
fn every_instruction_set_can_be_the_limit() {
    let Accepts::Choice(words) = ISA.accepts else {
        panic!("isa takes a word");
    };
    let names = crate::kernels::Isa::ALL.map(crate::kernels::Isa::name);
    assert_eq!(words[0], "auto");
    assert_eq!(words[1..], names);
}

#[test]
fn what_is_left_out_has_its_default() {
    let values = parse(BUILD, r#"{"dim": 3, "M": 32.0}"#).expect("valid");
    assert_eq!(values.integer("dim"), 3);
    assert_eq!(values.integer("M"), 32);
    assert_eq!(values.integer("efConstruction"), 200);
    assert_eq!(values.word("kind"), "auto");
    assert_eq!(values.word("metric"), "l2");
}

#[test]
fn refusals_name_what_was_expected_and_received() {
    assert_eq!(
        refusal(r#"{"dim": 3, "efconstruct": 9}"#),
        "OPTION: unknown option 'efconstruct' (did you mean efConstruction?); known options \
         are dim, kind, metric, M, efConstruction, codec, codeNumbers, zones, soar, inner, refine, keepVectors, memory, seed, isa"
    );
    assert_eq!(
        refusal(r#"{"dim": 3, "zzzzzzzz": 9}"#),
        "OPTION: unknown option 'zzzzzzzz'; known options are dim, kind, metric, M, \
         efConstruction, codec, codeNumbers, zones, soar, inner, refine, keepVectors, memory, seed, isa"
    );
    assert_eq!(
        refusal("{}"),
        "OPTION: option dim is missing; it must be an integer from 1 to 65536"
    );
    assert_eq!(
        refusal(r#"{"dim": 3, "M": 1.5}"#),
        "OPTION: option M must be an integer from 2 to 128, got 1.5"
    );
    assert_eq!(
        refusal(r#"{"dim": 3, "metric": "l1"}"#),
        "OPTION: option metric must be one of 'l2', 'ip', 'cosine', got 'l1'"
    );
    assert_eq!(
        refusal(r#"{"dim": 3, "kind": "flat", "M": 8}"#),
        "OPTION: option M belongs to kind 'hnsw', but kind is 'flat'"
    );
    assert_eq!(
        refusal("[1, 2]"),
        "OPTION: options must be an object, got an array of 2"
    );
    assert!(refusal("{").starts_with("OPTION: options are not JSON"));
    for bad in [
        "0",
        "-1",
        "65537",
        "1e300",
        "null",
        "\"3\"",
        "[3]",
        "18446744073709551616",
    ] {
        let message = refusal(&format!(r#"{{"dim": {bad}}}"#));
        assert!(
            message.contains("option dim must be an integer from 1 to 65536"),
            "{message}"
        );
    }
    for bad in ["-1", "9007199254740992", "0.5"] {
        assert!(refusal(&format!(r#"{{"dim": 3, "seed": {bad}}}"#)).contains("option seed"));
    }
}
