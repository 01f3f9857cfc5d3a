//! What users of the macros see: programs that compile, and the errors of those that must not.
//!
//! After a change of a message, `TRYBUILD=overwrite cargo test --test ui` writes the new ones.

#[test]
fn programs_compile_or_are_refused_with_a_message_at_the_right_token() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/*/pass/*.rs");
    cases.compile_fail("ui/*/fail/*.rs");
}
