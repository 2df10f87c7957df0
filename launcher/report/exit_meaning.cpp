#include "launcher/report/exit_meaning.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "engine/core/error.h"
#include "launcher/report/failure.h"

namespace llmrun {
namespace {

struct Row {
  Exit code;
  std::string_view meaning;
};
constexpr Row kMeanings[] = {
    {Exit::done, "done"},
    {Exit::failed, "failed"},
    {Exit::usage, "wrong command line"},
    {Exit::config, "invalid configuration"},
    {Exit::credentials, "credentials missing or refused"},
    {Exit::preflight, "refused before the start"},
    {Exit::unreachable, "the scheduler did not answer"},
    {Exit::resubmit, "stopped before its walltime, to be continued"},
    {Exit::no_progress, "no progress in three attempts, not restarted"},
    {Exit::numerics, "the numbers went bad"},
    {Exit::no_checkpoint, "no usable checkpoint"},
    {Exit::hang, "hung"},
};

}  // namespace

std::string exit_meaning(int code) {
  const auto row = std::find_if(std::begin(kMeanings), std::end(kMeanings), [&](const Row& r) { return static_cast<int>(r.code) == code; });
  if (row != std::end(kMeanings)) return std::string(row->meaning);
  return code > 128 && code < 256 ? signal_shown(code - 128) : "failed";  // a program's own code
}

}  // namespace llmrun
