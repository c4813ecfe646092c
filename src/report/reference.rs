//! The reference page of the reasons, written from the enum. Pure.
use std::fmt::Write;

use concertina_decision::Reason;

/// The page as Markdown.
#[must_use]
pub fn reasons_markdown() -> String {
    let mut page = String::from(
        "# Reasons\n\n\
         <!-- Written by `make generate` from crates/decision/src/reason.rs; edit the texts there. -->\n\n\
         One word says why a number is what it is, or what keeps the controller from acting: the same in conditions, events, the \
         status, metric labels and logs. Those marked *warns* \
         call for somebody to look: the policy is not Ready while they last, and an event of type Warning tells of them. \
         They come in the order of the [pipeline](../explanation/decision.md); the controller's own come last.\n\n\
         | reason | | meaning |\n|---|---|---|\n",
    );
    for reason in Reason::ALL {
        let warns = if reason.is_trouble() { "warns" } else { "" };
        // Writing to a String cannot fail.
        let _ = writeln!(page, "| `{reason}` | {warns} | {} |", reason.message());
    }
    page
}
