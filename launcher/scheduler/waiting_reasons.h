#pragma once
#include <string>
#include <string_view>

#include "launcher/scheduler/job.h"

namespace llmrun {

/// What keeps a job from running, in plain words.
struct WaitingReason {
  std::string meaning;       // a sentence without its full stop; empty: nothing that is known here
  std::string remedy;        // something to type or to do; empty: waiting is all there is
  bool waits_alone = false;  // it starts by itself one day
};

/// Of a job that waits, is held or suspended; from the scheduler's comment, else from its state. `run`: its name, for the remedy, as a
/// shell would take it.
WaitingReason waiting_reason(std::string_view scheduler, const Job& job, std::string_view run);

/// The same in a few words, for a table: the scheduler's comment, else what its state means.
std::string short_reason(std::string_view scheduler, const Job& job);

}  // namespace llmrun
