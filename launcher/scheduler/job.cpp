#include "launcher/scheduler/job.h"

namespace llmrun {

std::string_view spelling(JobPhase phase) {
  switch (phase) {
    case JobPhase::waiting:
      return "waiting";
    case JobPhase::held:
      return "held";
    case JobPhase::running:
      return "running";
    case JobPhase::suspended:
      return "suspended";
    case JobPhase::ended:
      return "ended";
  }
  return "";
}

std::string_view spelling(JobEnd end) {
  switch (end) {
    case JobEnd::done:
      return "done";
    case JobEnd::failed:
      return "failed";
    case JobEnd::walltime:
      return "walltime";
    case JobEnd::cancelled:
      return "cancelled";
    case JobEnd::preempted:
      return "preempted";
    case JobEnd::never_ran:
      return "never ran";
  }
  return "";
}

std::string_view spelling(JobHold hold) {
  switch (hold) {
    case JobHold::none:
      return "none";
    case JobHold::person:
      return "person";
    case JobHold::dependency:
      return "dependency";
    case JobHold::system:
      return "system";
  }
  return "";
}

}  // namespace llmrun
