//! Windows of time in which a policy has other bounds, as a user writes them. Pure.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A window of time that comes again and again, or on given dates, and the bounds that hold in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleSpec {
    /// Name of this schedule in status, events and graphs; each name appears once in a policy. Required; lower case
    /// letters, digits and dashes, at most 63 characters. Example: office-hours.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
    )]
    pub name: String,

    /// When the window opens, in the schedule's time zone: a cron expression of five fields, which are minute, hour,
    /// day of month, month and day of week (0 or 7 is Sunday); with lists, ranges, steps and names such as MON. Required;
    /// at most 100 characters. Where the clock is changed, an hour such as 2 opens once, and hours by *, a range or a step
    /// open as time passes. Example: "0 8 * * 1-5", at 8:00 from Monday to Friday.
    #[schemars(length(min = 9, max = 100))]
    pub start: String,

    /// Minutes for which the window stays open, also across midnight and changes of the clock; a start in an open window
    /// prolongs it. Required; 1 to 10080, which is a week. Example: 600.
    #[schemars(range(min = 1, max = 10_080))]
    pub duration_minutes: i32,

    /// IANA name of the time zone in which start, onDates and exceptDates are meant. Default UTC; at most 64
    /// characters. Example: Europe/Berlin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: Option<String>,

    /// Fewest replicas while the window is open. Default: the policy's own; 0 to 100000. Of several bounds the
    /// greatest holds. It begins early by the time in which the target's pods become Ready, at most by 15 minutes, so
    /// that they are there on time. Example: 6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub min_replicas: Option<i32>,

    /// Most replicas while the window is open. Default: the policy's own; 0 to 100000. Of several bounds the least
    /// holds, and it wins over every minimum; 0 puts the target to sleep. The target shrinks to it as calmly as
    /// behavior says. Example: 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub max_replicas: Option<i32>,

    /// The only dates on which the window opens, for what happens once. Default: whenever start says; at most 64. Start
    /// then gives the time of day alone, with * in its last three fields, such as "0 8 * * *". Example: ["2026-11-27"].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "crate::api::schema::dates")]
    pub on_dates: Vec<String>,

    /// Dates on which the window does not open, such as public holidays; one that opened the day before goes on.
    /// Default: none; at most 64. Example: ["2026-12-25"].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "crate::api::schema::dates")]
    pub except_dates: Vec<String>,
}
