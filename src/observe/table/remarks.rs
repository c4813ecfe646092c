//! What a server says of its own answer beside the series. Pure.

/// What a server says of its own answer, beside the series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    /// `warnings`: of Thanos, Cortex and a Prometheus with remote storage the errors of what did not answer, each with
    /// status 200; of the query engine its annotations. `infos` are never about missing data and are not read.
    pub warnings: Vec<String>,
    /// `isPartial` of `VictoriaMetrics`: a part of its storage did not answer.
    pub is_partial: bool,
}

impl Remarks {
    /// The words that tell of data which the answer lacks. None: the answer is whole, as far as the server knows.
    #[must_use]
    pub fn lacking(&self) -> Option<&str> {
        let lacking = self.warnings.iter().find(|warning| !is_annotation(warning));
        lacking
            .map(String::as_str)
            .or_else(|| self.is_partial.then_some("isPartial is true"))
    }

    /// The first words that may explain why there is nothing. The engine's annotations are among them: it leaves out
    /// what it cannot calculate with, such as floats beside histograms.
    #[must_use]
    pub fn doubtful(&self) -> Option<&str> {
        self.lacking()
            .or_else(|| self.warnings.first().map(String::as_str))
    }
}

/// Whether a warning is one of the query engine's, which speak of the query (Prometheus, `util/annotations`, since
/// 2.48). What it omits after the tenth is taken for the same.
fn is_annotation(warning: &str) -> bool {
    warning.starts_with("PromQL warning") || warning.starts_with("PromQL info") || warning.ends_with(OMITTED)
}

const OMITTED: &str = "more warning annotations omitted";
