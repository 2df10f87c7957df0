#include "launcher/report/exit_meaning.h"

#include <algorithm>
#include <iterator>

#include "launcher/report/failure.h"

namespace llmrun {
namespace {

constexpr ExitMeaning kMeanings[] = {
    {Exit::done, "done", "done"},
    {Exit::failed, "failed", "failed"},
    {Exit::usage, "wrong command line", "the command line is not right"},
    {Exit::config, "invalid configuration", "the configuration is not right; nothing was started"},
    {Exit::credentials, "credentials missing or refused", "no access: a credential is missing or refused"},
    {Exit::preflight, "refused before the start", "a check before the start failed: hosts, data, room, limits of the queue"},
    {Exit::unreachable, "the scheduler did not answer", "the scheduler does not answer"},
    {Exit::resubmit, "stopped before its walltime, to be continued",
     "stopped cleanly before the walltime, with a checkpoint: the same command goes on from there"},
    {Exit::no_progress, "no progress in three attempts, not restarted", "three attempts without a step: do not restart"},
    {Exit::numerics, "the numbers went bad", "the numerics guard stopped the run"},
    {Exit::no_checkpoint, "no usable checkpoint", "there is no usable checkpoint"},
    {Exit::hang, "hung", "a rank hung"},
    {Exit::interrupted, "", "interrupted (SIGINT)"},
    {Exit::terminated, "", "terminated (SIGTERM)"},
};

}  // namespace

std::span<const ExitMeaning> exit_meanings() { return kMeanings; }

ExitCodes exit_codes_of(const RunRecord& record) { return record.argv.empty() ? ExitCodes::ours : ExitCodes::foreign; }

bool was_stopped(int code, ExitCodes whose) {
  const auto is = [&](Exit one) { return code == static_cast<int>(one); };
  return is(Exit::interrupted) || is(Exit::terminated) || (is(Exit::resubmit) && whose == ExitCodes::ours);
}

std::string exit_meaning(int code, ExitCodes whose) {
  const auto row = std::find_if(std::begin(kMeanings), std::end(kMeanings),
                                [&](const ExitMeaning& known) { return static_cast<int>(known.code) == code; });
  const bool by_table = row != std::end(kMeanings) && !row->brief.empty() && (whose == ExitCodes::ours || code == 0);
  if (by_table) return std::string(row->brief);
  const int signal = signal_in(code);
  if (signal != 0) return signal_shown(signal);
  return whose == ExitCodes::ours ? "failed" : "";
}

std::string exit_text(int code, ExitCodes whose) {
  const std::string meaning = exit_meaning(code, whose);
  return fmt::format("exit {}{}{}", code, meaning.empty() ? "" : ": ", meaning);
}

}  // namespace llmrun
