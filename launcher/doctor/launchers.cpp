#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "launcher/doctor/pmix.h"
#include "launcher/doctor/surroundings.h"

namespace llmrun {
namespace {

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

/// The program that a dialect runs; empty where it needs none.
std::string program_of(const std::string& dialect) {
  if (dialect == "pals") return "mpiexec";
  if (dialect == "hydra") return "mpiexec.hydra";
  if (dialect == "prrte") return "prterun";
  if (dialect == "local") return {};
  return dialect == "srun" ? "srun" : "mpirun";
}

/// Several packages bring a program of one name, and which of them is first on the PATH is up to modules.
struct Maker {
  std::string_view mark;  // in what the program says of its version
  std::string_view name;
  std::string_view dialect;  // empty: none of ours
};
constexpr std::array kMakers{Maker{"Open MPI", "Open MPI", "openmpi"}, Maker{"OpenRTE", "Open MPI", "openmpi"},
                             Maker{"HYDRA", "MPICH's Hydra", "hydra"}, Maker{"PRRTE", "PRRTE", "prrte"},
                             Maker{"pbs_version", "a script of PBS", ""}};

Result look_at_mpi(const Surroundings& here) {
  const std::string& named = here.config().machine.launcher;
  const std::string program = program_of(named);
  if (program.empty()) return {Verdict::not_applicable, "machine.launcher is local: llmrun starts the ranks itself", {}};
  const std::string path = find_on_path(program, here.environment);
  if (path.empty() && named.empty())
    return {Verdict::warn, "no mpirun on the PATH: ranks can be started on this machine only",
            "load the site's MPI module; --set machine.launcher=NAME"};
  if (path.empty())
    return {Verdict::fail, fmt::format("no '{}' on the PATH, which machine.launcher {} runs", program, named),
            "load the site's MPI module; login nodes may lack it, compute nodes not"};
  const std::string answer = answer_of(here, {program, "--version"});
  const std::string version = first_line(answer);
  const auto maker =
      std::find_if(kMakers.begin(), kMakers.end(), [&](const Maker& one) { return answer.find(one.mark) != std::string::npos; });
  if (maker != kMakers.end() && named == "pals" && maker->dialect != named)
    return {Verdict::fail, fmt::format("'{}' is {} ({}), and machine.launcher is {}", path, maker->name, version, named),
            "put PALS's mpiexec first on the PATH (module load cray-pals)" +
                (maker->dialect.empty() ? "" : fmt::format("; or --set machine.launcher={}", maker->dialect))};
  return {Verdict::ok, fmt::format("'{}': {}", path, version), {}};
}

/// "OpenPMIx 4.2.2, repo rev: ..." -> {4, 2, 2}.
std::array<int, 3> numbers_in(const std::string& text) {
  std::array<int, 3> numbers{};
  const size_t begin = text.find_first_of("0123456789");
  if (begin == std::string::npos) return numbers;
  const char* at = text.data() + begin;
  for (int& number : numbers) {
    const auto [stop, error] = std::from_chars(at, text.data() + text.size(), number);
    if (error != std::errc() || stop == text.data() + text.size()) break;
    at = stop + 1;
  }
  return numbers;
}

/// What Debian calls its build of the library, which mends without changing the number; empty elsewhere.
std::string debian_version(const Surroundings& here) {
  if (!here.has("dpkg-query")) return {};
  return capture({{"dpkg-query", "--show", "--showformat", "${Version}", "libpmix2"}, here.environment}, here.patience).value_or("");
}

}  // namespace

Result judge_pmix(const std::string& version, const std::string& debian) {
  const std::array<int, 3> number = numbers_in(version);
  const bool affected = number < std::array{4, 2, 6} || (number >= std::array{5, 0, 0} && number < std::array{5, 0, 1});
  if (!affected) return {Verdict::ok, version, {}};
  if (debian.find("+deb") != std::string::npos)
    return {Verdict::ok, fmt::format("{} (Debian {}: CVE-2023-41915 is mended by the distribution)", version, debian), {}};
  return {Verdict::warn, fmt::format("{} has CVE-2023-41915, which matters where its daemons run as root", version),
          "tell who runs this machine: 4.2.6 or 5.0.1 and later are mended"};
}

namespace {

Result look_at_pmix(const Surroundings& here) {
  void* library = ::dlopen("libpmix.so.2", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return {Verdict::not_applicable, "no libpmix.so.2: ranks meet through a file of the run directory", {}};
  const auto version = reinterpret_cast<const char* (*)()>(::dlsym(library, "PMIx_Get_version"));
  if (version == nullptr) return {Verdict::ok, "libpmix.so.2 does not tell its version", {}};
  const std::string told = version();
  return judge_pmix(told.substr(0, told.find(" (")), debian_version(here));
}

}  // namespace

std::vector<Check> launcher_checks(const Surroundings& here) {
  return {{"MPI", "the program that starts ranks is there", [=] { return look_at_mpi(here); }},
          {"PMIx", "by which ranks meet, and whether it is mended", [=] { return look_at_pmix(here); }}};
}

}  // namespace llmrun
