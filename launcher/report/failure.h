#pragma once
#include <optional>
#include <string>
#include <vector>

#include "engine/core/json.h"
#include "engine/core/run_paths.h"
#include "launcher/launch/launch.h"
#include "launcher/launch/supervise.h"

namespace llmrun {

/// Why a run ended badly: the first rank that failed, what it said last, and the exit code of the whole.
struct Failure {
  int exit_code = 1;
  std::optional<int64_t> rank;       // empty: not known
  std::string who = "the launcher";  // ended badly where no rank is known
  std::string host;
  std::string what;
  bool told_by_rank = false;            // `what` is the rank's own sentence
  std::vector<std::string> because;     // the rank's own
  std::string hint;                     // the rank's own; empty: none
  std::string section;                  // what the rank was doing; empty: unknown
  std::vector<std::string> last_lines;  // of its log
};

/// From what the launcher told and the error files of the attempt. A rank that a signal killed is the cause, whatever the others say of
/// a peer that went away; else the earliest error file, of hosts that blame each other's silence the one that more are right of; else what
/// the launcher reports; else its exit code alone. `told`: error reports that came without a file (error_report_in).
Failure find_failure(const RunPaths& paths, int attempt, const Launch& launch, const Ending& ending, const std::vector<json>& told = {});

/// The error report in a line of a rank's output; nothing where it holds none.
std::optional<json> error_report_in(std::string_view line);
/// Those at the end of a combined log, for whoever asks once the attempt is over.
std::vector<json> error_reports_at_end(const std::filesystem::path& log);

/// "rank 3 on x3001c0s1b0n0", or who it was where the rank is not known.
std::string who_failed(const Failure& failure);

/// "rank 3 on x3001c0s1b0n0 (in data): cannot read 'x.bin'", or "... was killed by signal 9 (SIGKILL)".
std::string failure_text(const Failure& failure);

/// What the user sees last: rank, host, cause, hint. `next`: what to do after the rank's own hint.
Error failure_error(const Failure& failure, const std::string& next);

/// What the next attempt does: "goes on from the last checkpoint", or starts again where there is none.
std::string where_it_goes_on(const RunPaths& paths);
/// What comes next after a failed attempt at training.
std::string train_again(const RunPaths& paths);

/// The signal behind an exit code of the shell's form; 0 for none: 205 is a program's own code.
int signal_in(int exit_code);
/// "signal 9 (SIGKILL)".
std::string signal_shown(int number);

/// The host of a rank: hosts are filled one after the other.
std::string host_of(const std::vector<PlanHost>& hosts, int64_t rank);

/// True once a rank of the attempt has written an error file.
bool any_error_file(const RunPaths& paths, int attempt);
/// True once a rank of the attempt has written a line of its log.
bool any_rank_spoke(const RunPaths& paths, int attempt);

}  // namespace llmrun
