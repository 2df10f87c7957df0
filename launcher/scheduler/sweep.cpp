#include "launcher/scheduler/sweep.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <set>
#include <string_view>

#include "engine/core/error.h"
#include "launcher/render/array_indices.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

struct Factor {
  std::string key;
  std::vector<std::string> values;
};

/// Commas inside [] and {} belong to a value.
std::vector<std::string> split_values(std::string_view text) {
  std::vector<std::string> values(1);
  int depth = 0;
  for (const char c : text) {
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    if (c == ',' && depth == 0)
      values.emplace_back();
    else
      values.back() += c;
  }
  return values;
}

Factor factor_of(const std::string& sweep) {
  const size_t equals = sweep.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == sweep.size())
    throw Error(Exit::usage, "'--sweep {}' is not key=value,value", sweep).hint("--sweep optimizer.lr=1e-4,3e-4");
  Factor factor{sweep.substr(0, equals), split_values(std::string_view(sweep).substr(equals + 1))};
  for (const std::string_view refused : {"machine", "machine.", "job.", "run.dir", "run.name", "run.until_done"})
    if (factor.key == refused || (refused.ends_with('.') && factor.key.starts_with(refused)))
      throw Error(Exit::usage, "cannot sweep '{}': the members share one job, its size, walltime and place", factor.key)
          .hint("a submit of its own for each: --set {}={}", factor.key, factor.values.front());
  return factor;
}

/// The last word of a key, or all of it where two keys share that.
std::string short_key(const Factor& factor, const std::vector<Factor>& all) {
  const auto last = [](const std::string& key) { return key.substr(key.rfind('.') + 1); };
  const auto same = std::count_if(all.begin(), all.end(), [&](const Factor& other) { return last(other.key) == last(factor.key); });
  return same > 1 ? factor.key : last(factor.key);
}

/// The text with `stand_in` for every character that no directive of a job script may hold; what is left needs no quoting in a file's name.
std::string plain(std::string text, char stand_in) {
  for (char& c : text)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && std::string_view("_.+-").find(c) == std::string_view::npos) c = stand_in;
  return text;
}

}  // namespace

std::vector<SweepMember> sweep_members(const std::vector<std::string>& sweeps) {
  std::vector<Factor> factors;
  for (const std::string& sweep : sweeps) factors.push_back(factor_of(sweep));
  std::vector<SweepMember> members(1);
  for (const Factor& factor : factors) {
    std::vector<SweepMember> product;
    for (const SweepMember& member : members)
      for (const std::string& value : factor.values) {
        SweepMember next = member;
        next.name += (next.name.empty() ? "" : ",") + short_key(factor, factors) + "=" + plain(value, '_');
        next.sets.push_back(factor.key + "=" + value);
        product.push_back(std::move(next));
      }
    members = std::move(product);
  }
  std::set<std::string> names;
  for (const SweepMember& member : members)
    if (!names.insert(member.name).second)
      throw Error(Exit::usage, "two members of the sweep would be called '{}'", member.name).hint("each value once");
  return members;
}

ArrayChoice array_choice(const std::string& array, size_t members) {
  if (const std::optional<ArrayIndices> said = parse_array_indices(array)) {
    const ArrayChoice choice{static_cast<size_t>(said->first.value_or(0)), said->last ? static_cast<size_t>(*said->last) : members - 1,
                             said->at_once.value_or(0)};
    if (choice.last < members) return choice;
  }
  throw Error(Exit::config, "job.array '{}' is no choice of {} members", array, members)
      .hint("--set job.array=0-{}, or two at once: 0-{}%2", members - 1, members - 1);
}

std::string element_id(const std::string& array, size_t index) {
  const size_t bracket = array.find("[]");
  if (bracket == std::string::npos) return fmt::format("{}_{}", array, index);
  return fmt::format("{}{}{}", array.substr(0, bracket + 1), index, array.substr(bracket + 1));
}

fs::path members_file(const fs::path& sweep) { return sweep / "members"; }

std::vector<std::string> member_names(const fs::path& sweep) {
  std::vector<std::string> names;
  std::ifstream members(members_file(sweep));
  for (std::string name; std::getline(members, name);) names.push_back(name);
  return names;
}

std::string first_member(const fs::path& sweep) {
  std::ifstream members(members_file(sweep));
  std::string name;
  std::getline(members, name);
  return name;
}

std::string listed_name(const Plan& plan) { return listed_name(plan.dir, plan.name); }

std::string listed_name(const fs::path& run, const std::string& name) {
  const fs::path sweep = run.parent_path();
  std::error_code none;
  return fs::exists(members_file(sweep), none) ? sweep.filename().string() + "/" + name : name;
}

std::string directive_name(std::string name) { return plain(std::move(name), '-'); }

}  // namespace llmrun
