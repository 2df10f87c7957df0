#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace llmrun {

/// A job that waited for one job and is to wait for another.
struct HandedOver {
  std::string depends;  // all that it waits for then, as qalter and scontrol take it
  std::string kind;     // how it waited: "afterok"
};

/// Of what a job waits for, as its scheduler spells it ("afterok:97.server@server:98.server@server,beforeok:99.server@server" or
/// "afterok:97(unfulfilled)?afterany:98(failed)"), with `to` in the place of `from`. Slurm's remarks are left out, and what PBS shows of
/// jobs that wait for this one, which qalter keeps. Nothing where it does not wait for `from`.
std::optional<HandedOver> handed_over(std::string_view depends, std::string_view from, std::string_view to);

/// What a job waits for, for people: "afterok:97:98, afterany:99", ids without their servers; not what waits for it.
std::string waited_for_text(std::string_view depends);

}  // namespace llmrun
