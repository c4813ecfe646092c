//! A decision as one English sentence, for events, logs and people. No I/O.

use std::fmt;

use crate::pipeline::last_alteration;
use crate::{BoundFrom, Decision, GuardState, Measured, Proposal, Reason, Stage, Target, Verdict};

/// What the parts of a policy are called, each in the policy's order.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a, N> {
    /// Of the metrics.
    pub metrics: &'a [N],
    /// Of the schedules.
    pub schedules: &'a [N],
    /// Of the guards.
    pub guards: &'a [N],
}

impl<'a, N> Names<'a, N> {
    /// Those of a policy with metrics only.
    #[must_use]
    pub const fn of_metrics(metrics: &'a [N]) -> Self {
        Self {
            metrics,
            schedules: &[],
            guards: &[],
        }
    }
}

/// The sentence of one decision; see [`Decision::summary`].
pub struct Summary<'a, N> {
    decision: &'a Decision,
    names: Names<'a, N>,
}

impl Decision {
    /// One sentence for events and logs, without a full stop.
    ///
    /// `1 → 9: rate 81.3 per replica is 8.1 times its target of 10 (CPU is at its limit: at least)`
    #[must_use]
    pub const fn summary<'a, N: AsRef<str>>(&'a self, names: Names<'a, N>) -> Summary<'a, N> {
        Summary {
            decision: self,
            names,
        }
    }
}

impl<N: AsRef<str>> fmt::Display for Summary<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decision = self.decision;
        match decision.verdict {
            Verdict::Scale => write!(f, "{} → {}: ", decision.current, decision.desired)?,
            Verdict::Hold => write!(f, "stays at {}: ", decision.current)?,
        }
        match decision.reason {
            Reason::MetricsMissing | Reason::FallbackActive => self.missing(f, decision.reason.message()),
            Reason::ShrinkHeldMetricMissing => self.missing(f, "missing metrics may not let it shrink"),
            Reason::BelowMinimum => write!(f, "it has fewer replicas than the minimum of {}", decision.floor),
            Reason::AboveMaximum => {
                write!(f, "it has more replicas than the maximum of {}", decision.ceiling)
            }
            Reason::ScheduledMinimum | Reason::ScheduledMinimumSoon | Reason::ScheduledMaximum
                if decision.winning_proposal().is_none() || decision.verdict == Verdict::Scale =>
            {
                self.schedule(f)
            }
            _ => self.cause(f),
        }
    }
}

impl<N: AsRef<str>> Summary<'_, N> {
    /// What the winning metric asks for, and what came between.
    fn cause(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decision = self.decision;
        let Some(proposal) = decision.winning_proposal() else {
            return f.write_str(decision.reason.message());
        };
        metric(f, self.name(usize::from(decision.winner.unwrap_or(0))), proposal)?;
        let asked_for = decision
            .stage(Stage::Propose)
            .map_or(decision.desired, |record| record.replicas);
        if let Some(stage) = last_alteration(&decision.stages)
            && asked_for != decision.desired
        {
            write!(f, " and asks for {asked_for}, but {}", stage.reason.message())?;
            match stage.reason {
                Reason::AtMinimum => write!(f, " ({})", decision.floor)?,
                Reason::AtMaximum => write!(f, " ({})", decision.ceiling)?,
                Reason::ScheduledMinimum | Reason::ScheduledMinimumSoon => {
                    write!(
                        f,
                        " ({}: {})",
                        self.scheduled_by(decision.floor_from),
                        decision.floor
                    )?;
                }
                Reason::ScheduledMaximum => {
                    write!(
                        f,
                        " ({}: {})",
                        self.scheduled_by(decision.ceiling_from),
                        decision.ceiling
                    )?;
                }
                Reason::GuardTripped => self.guards(f, |state| state == GuardState::Tripped)?,
                Reason::GuardMissing => self.guards(f, |state| matches!(state, GuardState::Missing(_)))?,
                _ => {}
            }
        }
        match decision.retry_after_seconds {
            Some(seconds) => write!(f, " ({seconds} s to go)"),
            None => Ok(()),
        }
    }

    fn missing(&self, f: &mut fmt::Formatter<'_>, sentence: &str) -> fmt::Result {
        f.write_str(sentence)?;
        for (place, (index, why)) in self.decision.missing().enumerate() {
            let separator = if place == 0 { " (" } else { "; " };
            write!(f, "{separator}{}: {}", self.name(index), why.reason().message())?;
        }
        f.write_str(")")
    }

    fn schedule(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Decision {
            floor,
            floor_from,
            ceiling,
            ceiling_from,
            reason,
            ..
        } = self.decision;
        match reason {
            Reason::ScheduledMaximum => {
                let name = self.scheduled_by(*ceiling_from);
                write!(f, "schedule {name} allows at most {ceiling}")
            }
            Reason::ScheduledMinimumSoon => {
                let name = self.scheduled_by(*floor_from);
                write!(
                    f,
                    "schedule {name} asks for at least {floor} soon, and pods take a while to start"
                )
            }
            _ => {
                let name = self.scheduled_by(*floor_from);
                write!(f, "schedule {name} asks for at least {floor}")
            }
        }
    }

    /// The guards in this state, with their values.
    fn guards(&self, f: &mut fmt::Formatter<'_>, wanted: fn(GuardState) -> bool) -> fmt::Result {
        let wanted = self
            .decision
            .guards
            .iter()
            .enumerate()
            .filter(|(_, guard)| wanted(guard.state));
        for (place, (index, guard)) in wanted.enumerate() {
            let separator = if place == 0 { " (" } else { "; " };
            let name = self.names.guards.get(index).map_or("a guard", AsRef::as_ref);
            write!(f, "{separator}{name}")?;
            match (guard.value, guard.state) {
                (Some(value), _) => write!(f, " {}", Number(value))?,
                (None, GuardState::Missing(why)) => write!(f, ": {}", why.reason().message())?,
                (None, _) => {}
            }
        }
        f.write_str(")")
    }

    fn name(&self, index: usize) -> &str {
        self.names.metrics.get(index).map_or("a metric", AsRef::as_ref)
    }

    fn scheduled_by(&self, from: BoundFrom) -> &str {
        let name = match from {
            BoundFrom::Policy => None,
            BoundFrom::Schedule(index) | BoundFrom::ScheduleSoon(index) => {
                self.names.schedules.get(usize::from(index))
            }
        };
        name.map_or("without a name", AsRef::as_ref)
    }
}

fn metric(f: &mut fmt::Formatter<'_>, name: &str, proposal: &Proposal) -> fmt::Result {
    f.write_str(name)?;
    match proposal.measured {
        Some(Measured::Percent(percent)) => write!(f, " {} %", Number(percent))?,
        Some(Measured::PerReplica(value)) => write!(f, " {} per replica", Number(value))?,
        Some(Measured::Total(total)) => write!(f, " {} in total", Number(total))?,
        None => {}
    }
    match (proposal.reason, proposal.ratio) {
        (Reason::WithinTolerance, _) => f.write_str(" is within the tolerance of its target of ")?,
        (_, Some(ratio)) => write!(f, " is {} times its target of ", Number(ratio))?,
        (_, None) => f.write_str(" has a target of ")?,
    }
    match (proposal.target, proposal.measured) {
        (Target::Utilization { percent }, _) => write!(f, "{} %", Number(percent))?,
        (Target::AverageValue { per_replica }, Some(Measured::Total(_))) => {
            write!(f, "{} per replica", Number(per_replica))?;
        }
        (target, _) => write!(f, "{}", Number(target.number()))?,
    }
    if proposal.empty {
        f.write_str(" (an empty answer counts as 0)")?;
    }
    if proposal.censored {
        f.write_str(" (CPU is at its limit: at least)")?;
    }
    match proposal.reason {
        Reason::AwaitingReplicas => f.write_str(", for which the replicas there or on their way are enough"),
        Reason::FewerWouldNotDo => f.write_str(", and one replica fewer would put it above"),
        Reason::NoReadyPods => f.write_str(", but no pod has been Ready yet"),
        Reason::PartialRates => {
            f.write_str(", but some pods were not Ready, or not measured, for the whole window of the rate")
        }
        Reason::PodsWithoutSamples => {
            let above = proposal.ratio.is_some_and(|ratio| ratio > 1.0);
            let count_as = if above { "idle" } else { "being at it" };
            let missing = proposal.missing_pods;
            write!(f, ", and pods without a sample ({missing}) count as {count_as}")
        }
        _ => Ok(()),
    }
}

/// A number with about three significant digits.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.abs();
        let text = if size >= 1e15 || (size > 0.0 && size < 0.001) {
            return write!(f, "{:.1e}", self.0);
        } else if size >= 99.95 {
            return write!(f, "{:.0}", self.0);
        } else if size >= 1.0 {
            format!("{:.1}", self.0)
        } else {
            format!("{:.3}", self.0)
        };
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}
