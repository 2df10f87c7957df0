#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace llmrun {

/// The variables of a process, as plain data: read once, handed down, changed only for a child. Tests make their own.
class Variables {
 public:
  Variables() = default;
  explicit Variables(std::map<std::string, std::string> variables) : variables_(std::move(variables)) {}
  static Variables of_this_process();

  std::optional<std::string> get(std::string_view name) const;
  void set(const std::string& name, std::string value) { variables_[name] = std::move(value); }
  void remove(const std::string& name) { variables_.erase(name); }
  const std::map<std::string, std::string>& all() const { return variables_; }
  /// "NAME=value" of each, sorted: what exec wants.
  std::vector<std::string> lines() const;

 private:
  std::map<std::string, std::string> variables_;
};

/// Names by which launchers tell a rank who it is (RANK, OMPI_COMM_WORLD_RANK, MASTER_ADDR, ...), and by which we tell it of its job.
const std::vector<std::string>& stale_identity_names();

/// Takes out what another launch left behind: under `mpiexec --envall` a rank would believe it.
void remove_stale_identity(Variables& environment);

}  // namespace llmrun
