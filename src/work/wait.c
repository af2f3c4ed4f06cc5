/* SPDX-License-Identifier: Apache-2.0
 *
 * See work/wait.h.
 */
#include "work/wait.h"

void work_wait_init(struct work_wait *w)
{
    *w = (struct work_wait){ 0 };
    mutex_init(&w->_lock);
    cond_init(&w->_cond);
}

void work_wait_fini(struct work_wait *w)
{
    cond_fini(&w->_cond);
    mutex_fini(&w->_lock);
}

void work_wait_over(struct work_wait *w)
{
    mutex_lock(&w->_lock);
    w->_over = true;
    cond_signal(&w->_cond);
    mutex_unlock(&w->_lock);
}

void work_wait(struct work_wait *w)
{
    thread_must_be(THREAD_WORKER);
    mutex_lock(&w->_lock);
    while (!w->_over)
        cond_wait(&w->_cond, &w->_lock);
    mutex_unlock(&w->_lock);
    work_wait_fini(w);
}
