#include "launcher/plan/ask_for_trace.h"

#include <unistd.h>

#include "engine/core/error.h"
#include "launcher/process/ask.h"
#include "launcher/process/memory_file.h"
#include "launcher/process/sibling.h"

namespace llmrun {

std::optional<RankTrace> ask_for_trace(const Plan& plan, int64_t rank, const Variables& environment) {
  const std::string program = sibling_path("llmrun-rank").string();
  if (::access(program.c_str(), X_OK) != 0) return std::nullopt;
  const MemoryFile file(to_json(plan).dump());
  const Answer answer =
      ask({{program, "trace", "--plan", file.path(), "--rank", std::to_string(rank)}, environment}, std::chrono::minutes(10));
  if (answer.late) throw Error(Exit::failed, "a step of rank {} without data took more than ten minutes", rank);
  if (!answer.status.clean())
    throw Error(Exit::failed, "a step of rank {} without data ended with {}", rank, answer.status.exit_code()).because(answer.err);
  return rank_trace_from_json(json::parse(answer.out, nullptr, /*allow_exceptions=*/false));
}

}  // namespace llmrun
