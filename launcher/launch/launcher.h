#pragma once
#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/core/plan.h"
#include "launcher/rundir/rank_death.h"

namespace llmrun {

/// What a launch line is made from.
struct LaunchRequest {
  int64_t ranks = 1;
  int64_t nodes = 1;
  int64_t ranks_per_node = 1;
  bool even = true;          // every host runs ranks_per_node; else the hostfile's slots say how many
  bool has_domains = false;  // a host is called by more than its first label: node1.cluster.example
  int64_t cores_per_node = 1;
  std::string hostfile;                // in the form that hostfile_text() writes; empty: this machine alone
  std::vector<std::string> forwarded;  // names of variables that must reach the ranks
  std::string cpu_bind;                // as the profile says: PALS and srun bind so, the others leave ranks unbound; empty: the default
  int64_t depth = 0;
  std::string pmi;                   // pmix, cray, pmi2, none; empty: the launcher's default. Others than PALS and srun have only one
  std::vector<std::string> options;  // further words for the launcher, as the profile has them
  std::vector<std::string> command;  // of one rank
};

/// A signal that is a cause by itself; SIGTERM and SIGABRT come after an error that was told better elsewhere.
inline bool is_cause(int signal) { return signal != 0 && signal != SIGTERM && signal != SIGABRT; }

/// One dialect of mpiexec. Stateless but for death() and is_chatter(), which are fed every line of the output, in order.
class Launcher {
 public:
  virtual ~Launcher() = default;
  virtual std::string_view name() const = 0;
  /// The argv that starts every rank; for a dialect without a launcher program (`local`), that of each one.
  virtual std::vector<std::string> argv(const LaunchRequest& request) const = 0;
  /// Variables that the launcher itself needs.
  virtual std::vector<std::pair<std::string, std::string>> environment() const { return {}; }
  /// True where a launch on this machine alone is better told so than given a hostfile with one line.
  virtual bool knows_this_machine() const { return true; }
  virtual std::string hostfile_text(const std::vector<PlanHost>& hosts) const = 0;
  /// Feeds a line of the launcher's output; a report once the line tells of a rank that ended badly.
  virtual std::optional<RankDeath> death(std::string_view line) = 0;
  /// True for a line in which the launcher tells how the job ended: the run's last word says it better, so the line goes into the log
  /// alone. Asked before death() of the same line.
  virtual bool is_chatter(std::string_view) { return false; }
  /// False where its words do not say which rank died: ranks then run under `llmrun __rank`, which does.
  virtual bool names_dead_ranks() const { return true; }
  /// What to send it so that every rank is asked to stop at the end of its step, and can save. (mpirun on SIGTERM gives ranks one second.)
  virtual int stop_signal() const { return SIGTERM; }
  /// True where llmrun starts the processes itself, one a rank.
  virtual bool spawns_itself() const { return false; }
};

std::unique_ptr<Launcher> make_openmpi();  // mpirun of Open MPI 4, and of 5 where it is PRRTE's under that name
std::unique_ptr<Launcher> make_prrte();    // prterun
std::unique_ptr<Launcher> make_pals();     // HPE's mpiexec
std::unique_ptr<Launcher> make_hydra();    // mpiexec.hydra of MPICH
std::unique_ptr<Launcher> make_srun();     // Slurm
std::unique_ptr<Launcher> make_local();    // no launcher: llmrun starts the ranks of this machine

/// By the name that machine.launcher holds. Throws Error(Exit::config) for one that there is not.
std::unique_ptr<Launcher> make_launcher(std::string_view name);
/// is_chatter() of every dialect, for a log whose launcher nobody knows any more. It is fed every line, in order.
std::function<bool(std::string_view)> chatter_of_any_launcher();

/// "host slots=4" lines: what Open MPI, PRRTE and we ourselves read.
std::string slots_hostfile(const std::vector<PlanHost>& hosts);

}  // namespace llmrun
