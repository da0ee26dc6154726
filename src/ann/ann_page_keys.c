/*-------------------------------------------------------------------------
 *
 * ann_page_keys.c
 *		Key pages: the filter keys of every list page, beside each other.
 *
 * A place belongs to a list page from the WAL record that makes the page a
 * part of a chain to the one that frees it, and the keys of an entry are
 * written together with the entry. So whoever sees an entry finds its keys
 * here. Vacuum leaves the keys of the entries that it removes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/generic_xlog.h"

#include "ann/ann_page.h"
#include "ann/ann_page_int.h"

/* ---- where the search for a free place starts ---- */

static BlockNumber
read_start(Relation index)
{
	Buffer buffer =
		ann_page_read(index, ANN_METAPAGE, ANN_PAGE_META, BUFFER_LOCK_SHARE);
	BlockNumber block =
		((AnnMeta *) PageGetContents(BufferGetPage(buffer)))->keys_free;

	UnlockReleaseBuffer(buffer);
	return block;
}

/* Unless somebody else has moved it; any page of the chain will do. */
static void
move_start(Relation index, BlockNumber from, BlockNumber to)
{
	Buffer buffer = ann_page_read(index, ANN_METAPAGE, ANN_PAGE_META,
								  BUFFER_LOCK_EXCLUSIVE);
	AnnMeta *meta = (AnnMeta *) PageGetContents(BufferGetPage(buffer));

	if (meta->keys_free == from && from != to)
	{
		GenericXLogState *state = GenericXLogStart(index);

		meta = (AnnMeta *) PageGetContents(
			GenericXLogRegisterBuffer(state, buffer, 0));
		meta->keys_free = to;
		GenericXLogFinish(state);
	}
	UnlockReleaseBuffer(buffer);
}

void
ann_keys_freed(Relation index)
{
	AnnMeta meta;

	ann_meta_read(index, &meta);
	if (meta.filters > 0)
		move_start(index, meta.keys_free, meta.keys_start);
}

/* ---- places ---- */

Buffer
ann_keys_find(Relation index, const AnnLayout *layout, int *place)
{
	*place = 0;
	if (layout->filters == 0)
		return InvalidBuffer;
	for (;;)
	{
		BlockNumber block = read_start(index);
		Buffer buffer =
			ann_page_read(index, block, ANN_PAGE_KEYS, BUFFER_LOCK_EXCLUSIVE);

		for (*place = 0; *place < layout->places_per_page; (*place)++)
			if (ann_key_place(layout, BufferGetPage(buffer), *place)->page ==
				ANN_METAPAGE)
				return buffer;
		UnlockReleaseBuffer(buffer);
		move_start(index, block, ann_chain_next(index, block, ANN_PAGE_KEYS));
	}
}

Buffer
ann_keys_lock(Relation index, const AnnLayout *layout, Buffer list)
{
	AnnPageSpecial *special = ann_special(BufferGetPage(list));
	BlockNumber block = BufferGetBlockNumber(list);
	Buffer buffer;

	if (layout->filters == 0)
		return InvalidBuffer;
	buffer = ann_page_read(index, special->keys, ANN_PAGE_KEYS,
						   BUFFER_LOCK_EXCLUSIVE);
	if (special->keys_place >= layout->places_per_page ||
		ann_key_place(layout, BufferGetPage(buffer), special->keys_place)
				->page != block)
		ereport(ERROR, errcode(ERRCODE_INDEX_CORRUPTED),
				errmsg("list page and key page of index \"%s\" do not fit "
					   "at block %u",
					   RelationGetRelationName(index), block),
				errhint("Please REINDEX it."));
	return buffer;
}

void
ann_keys_take(const AnnLayout *layout, Page keys_page, BlockNumber keys_block,
			  int place, Page list_page, BlockNumber list_block)
{
	AnnPageSpecial *special = ann_special(list_page);
	AnnKeyPlace *keys = ann_key_place(layout, keys_page, place);

	memset(keys, 0, layout->place_size);
	keys->page = list_block;
	keys->list = special->list;
	keys->stamp = special->stamp;
	special->keys = keys_block;
	special->keys_place = (uint16) place;
}

void
ann_keys_put(const AnnLayout *layout, Page keys_page, int place, int block,
			 int slot, const AnnEntry *entry)
{
	AnnKeyPlace *keys = ann_key_place(layout, keys_page, place);

	keys->blocks = (uint16) Max(keys->blocks, block + 1);
	keys->entries = (uint16) Min(keys->entries + 1, ANN_BLOCK * keys->blocks);
	for (int f = 0; f < layout->filters; f++)
		ann_key_block(layout, keys, f, block)[slot] =
			ann_short_key(entry->keys[f]);
}
