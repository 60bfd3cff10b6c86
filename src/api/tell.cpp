#include "api/tell.h"

#include "api/attach.h"
#include "api/delete_visible.h"
#include "api/privileges.h"
#include "api/rows.h"
#include "api/table.h"
#include "core/datetime.h"
#include "core/nullable.h"

#include <map>

namespace txsync::api {

namespace {

using core::Action;

Told
Whole(const Activity &activity)
{
	return {activity};
}

// Tells that something happened, for instance that the entity is to be removed, and nothing of what it was.
Told
Removal(const Activity &activity, Action action, std::string_view organization)
{
	Told told;
	told.id = activity.id;
	told.position = activity.position;
	told.committed_at = activity.committed_at;
	told.entity_type = activity.entity_type;
	told.entity_id = activity.entity_id;
	told.organization_id = organization;
	told.action = action;
	return told;
}

bool
Asks(const std::optional<core::NameSet> &names, std::string_view name)
{
	return !names || (name.data() != nullptr && names->Contains(name));
}

// Tells activities of one entity type.
class TypeTeller
{
public:
	TypeTeller(const Entity &entity, const Filter &filter)
		: entity_(entity)
		, organizations_(filter.organizations)
		, readable_(entity)
		, tells_versions_(!entity.tracking.tx || MayReadVersions(entity))
	{
		if (readable_.HasId() && HoldsRowSecurity(entity))
			delete_visible_.emplace(entity);
	}

	// No: the reader may not know of entities of the type at all.
	CanRead
	CanTell() const
	{
		return readable_.HasId() ? CanReadRows(entity_, readable_) : CanRead::kNo;
	}

	// `told` has a place for each activity.
	void
	Tell(std::span<const Activity *const> activities, std::span<std::optional<Told> *const> told)
	{
		std::map<std::string_view, size_t> places;
		std::vector<std::string_view> ids;
		for (const Activity *activity : activities) {
			if (activity->entity_id.data() != nullptr && places.try_emplace(activity->entity_id, ids.size()).second)
				ids.push_back(activity->entity_id);
		}
		std::vector<Row> rows = ReadRows(entity_, readable_, ids);
		for (size_t i = 0; i < activities.size(); i++) {
			const Activity &activity = *activities[i];
			if (activity.action == Action::kTruncate)
				*told[i] = Whole(activity);
			else if (activity.entity_id.data() != nullptr)
				*told[i] = Tell(activity, rows[places.at(activity.entity_id)]);
		}
	}

private:
	std::optional<Told>
	Tell(const Activity &activity, const Row &row)
	{
		bool is_there = row.exists && Asks(organizations_, row.organization);
		if (activity.action == Action::kVisibility)
			return is_there ? Present(activity, row) : Removal(activity, Action::kVisibility, {});
		std::vector<std::string_view> organizations = OrganizationsOf(activity);
		if (organizations.empty())
			return std::nullopt;
		if (is_there)
			return Present(activity, row);
		if (delete_visible_)
			return Hidden(activity, organizations);
		return row.exists ? Gone(activity, organizations.front()) : Absent(activity, organizations.front());
	}

	// Those that it tells, and the reader asks for. A reader who may not read organizations cannot ask for any.
	std::vector<std::string_view>
	OrganizationsOf(const Activity &activity) const
	{
		std::vector<std::string_view> organizations;
		if (organizations_ && !readable_.HasOrganization())
			return organizations;
		if (Asks(organizations_, activity.organization_id))
			organizations.push_back(activity.organization_id);
		if (activity.HasMoved() && Asks(organizations_, activity.old_organization_id))
			organizations.push_back(activity.old_organization_id);
		return organizations;
	}

	Told
	Present(const Activity &activity, const Row &row)
	{
		bool is_own =
			!WasElsewhere(activity, row) || delete_visible_->Tells(activity.entity_id, activity.organization_id);
		Told told = is_own ? Own(activity) : Removal(activity, activity.action, row.organization);
		told.data = row.data;
		told.versions = row.versions;
		told.truncated = row.data.data() == nullptr;
		return told;
	}

	// Whether it happened in an organization that the entity has left, and of which row security shows nothing.
	bool
	WasElsewhere(const Activity &activity, const Row &row) const
	{
		return delete_visible_ && readable_.HasOrganization() &&
			   !core::AreSame(activity.organization_id, row.organization);
	}

	// Deleted, and no policy hides that.
	Told
	Absent(const Activity &activity, std::string_view asked) const
	{
		return Asks(organizations_, activity.organization_id) ? Own(activity) : Gone(activity, asked);
	}

	// Deleted, or hidden by a policy.
	std::optional<Told>
	Hidden(const Activity &activity, std::span<const std::string_view> organizations)
	{
		for (std::string_view organization : organizations) {
			if (delete_visible_->Tells(activity.entity_id, organization))
				return Gone(activity, organization);
		}
		return std::nullopt;
	}

	Told
	Gone(const Activity &activity, std::string_view organization) const
	{
		return Removal(activity, Action::kDelete, readable_.HasOrganization() ? organization : std::string_view());
	}

	// The activity itself, but for columns that the reader may not read.
	Told
	Own(const Activity &activity) const
	{
		Told told = Whole(activity);
		std::erase_if(told.changed_keys, [&](std::string_view key) { return !readable_.Tells(key); });
		if (told.tx.changed_field.data() != nullptr && !readable_.Tells(told.tx.changed_field))
			told.tx.changed_field = {};
		if (!readable_.HasOrganization())
			told.organization_id = {};
		if (!readable_.HasTx())
			told.tx = {};
		if (!tells_versions_) {
			told.version = {};
			told.row_version = 0;
		}
		return told;
	}

	const Entity &entity_;
	const std::optional<core::NameSet> &organizations_;
	Readable readable_;
	bool tells_versions_;
	std::optional<DeleteVisible> delete_visible_; // if row security holds him
};

// Activities of one type, and where what is told of them goes.
struct Group
{
	std::vector<const Activity *> activities;
	std::vector<std::optional<Told> *> told;
};

void
TellEntities(std::string_view entity_type, const Group &group, const Filter &filter)
{
	constexpr int kTries = 8;
	for (int tries = 0; tries < kTries; tries++) {
		std::shared_ptr<const Entity> entity = FindReadable(entity_type);
		if (entity == nullptr)
			return;
		TypeTeller teller(*entity, filter);
		CanRead can = teller.CanTell();
		if (can == CanRead::kYes)
			teller.Tell(group.activities, group.told);
		if (can != CanRead::kByAnotherName)
			return;
	}
	throw pg::Failure{ERRCODE_T_R_SERIALIZATION_FAILURE,
					  "the table of entity type " + Quoted(entity_type) + " is being renamed",
					  {},
					  "Try again."};
}

void
TellEvents(const Group &group, const Filter &filter)
{
	if (group.activities.empty() || filter.organizations || !MayReadEvents())
		return;
	for (size_t i = 0; i < group.activities.size(); i++) {
		*group.told[i] = Whole(*group.activities[i]);
		(*group.told[i])->data = group.activities[i]->payload;
	}
}

} // namespace

bool
MayReadEvents()
{
	Oid view = OwnTable("event");
	return OidIsValid(view) && MaySelect(view);
}

std::vector<Told>
Tell(std::span<const Activity> activities, const Filter &filter)
{
	std::vector<std::optional<Told>> places(activities.size());
	std::map<std::string_view, Group> types;
	Group events;
	for (size_t i = 0; i < activities.size(); i++) {
		const Activity &activity = activities[i];
		if (activity.action == Action::kGap || !Asks(filter.entity_types, activity.entity_type))
			continue;
		Group &group = activity.action == Action::kEvent ? events : types[activity.entity_type];
		group.activities.push_back(&activity);
		group.told.push_back(&places[i]);
	}
	for (const auto &[entity_type, group] : types)
		TellEntities(entity_type, group, filter);
	TellEvents(events, filter);
	std::vector<Told> told;
	for (std::optional<Told> &place : places) {
		if (place)
			told.push_back(std::move(*place));
	}
	return told;
}

void
Write(core::Buffer &out, const Told &told, const Fits &fits)
{
	char committed_at[core::kMaxDateTime];
	char *end = core::FormatInstant(committed_at, told.committed_at);
	core::Change change = core::ChangeOf(told, told.id, {committed_at, end});
	auto data = [&](core::Buffer &to) { to.Append(told.data); };
	bool has_data = told.data.data() != nullptr && fits(told.data);
	change.truncated = told.truncated || (told.data.data() != nullptr && !has_data);
	if (has_data)
		change.data = core::ValueWriter(data);
	auto versions = [&](core::Buffer &to) { to.Append(told.versions); };
	if (told.versions.data() != nullptr)
		change.versions = core::ValueWriter(versions);
	core::Write(out, change, core::Form::kWhole);
}

} // namespace txsync::api
