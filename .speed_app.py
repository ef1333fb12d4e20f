
import sys; sys.path.insert(0,'/work/wt-speed')
import streamlit as st
page=st.navigation([st.Page('/work/wt-speed/pages/combinations.py',default=True)])
page.run()
